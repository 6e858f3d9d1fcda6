// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_STORAGE_CONCATENATED_HPP
#define VMEM_STORAGE_CONCATENATED_HPP

#include <vmem/config.hpp>
#include <vmem/detail/adapted_storage.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <limits>
#include <span>
#include <utility>

namespace vmem {

namespace detail {

/// The parts of an access, storage by storage. A chain of none ends the recursion.
template <class... Storages>
struct storage_chain {
    [[nodiscard]] constexpr address size() const noexcept { return 0; }
    [[nodiscard]] constexpr result<void> sync() const noexcept { return {}; }
    template <class Access>
    [[nodiscard]] constexpr result<void> split(address, address, address, Access&) const noexcept {
        return {};
    }
};

template <class First, class... Rest>
struct storage_chain<First, Rest...> {
    First first;
    [[no_unique_address]] storage_chain<Rest...> rest;

    constexpr storage_chain() = default;
    constexpr explicit storage_chain(First&& head, Rest&&... tail)
        : first(std::move(head)), rest(std::move(tail)...) {}

    [[nodiscard]] constexpr address size() const noexcept { return first.size() + rest.size(); }

    [[nodiscard]] constexpr result<void> sync() {
        const result<void> here = first.sync();
        const result<void> there = rest.sync();
        return here ? there : here;
    }

    /// Calls `access(storage, at, done, count)` for each storage that `[at, at + count)` touches,
    /// with `at` counted from its start and `done` bytes before it. Stops at the first error.
    template <class Access>
    [[nodiscard]] constexpr result<void> split(address at, address count, address done,
                                               Access& access) {
        const address border = first.size();
        if (at < border) {
            const address here = lesser(count, border - at);
            if (const result<void> outcome = access(first, at, done, here);
                !outcome || here == count) {
                return outcome;
            }
            at += here;
            done += here;
            count -= here;
        }
        return rest.split(at - border, count, done, access);
    }
};

/// What all of `Storages` can do: the coarsest granularity, and the smallest unit that is atomic.
template <class... Storages>
[[nodiscard]] consteval storage_geometry common_geometry() {
    storage_geometry all = {.read_size = 1,
                            .write_size = 1,
                            .erase_size = 0,
                            .atomic_write_size = static_cast<std::size_t>(-1)};
    const auto include = [&all](storage_geometry one) {
        all.read_size = one.read_size < all.read_size ? all.read_size : one.read_size;
        all.write_size = one.write_size < all.write_size ? all.write_size : one.write_size;
        all.erase_size = one.erase_size < all.erase_size ? all.erase_size : one.erase_size;
        all.atomic_write_size = lesser(all.atomic_write_size, one.atomic_write_size);
    };
    (include(storage_traits<Storages>::geometry), ...);
    return all;
}

/// Whether storages of these sizes can be joined: misaligned, too_large.
[[nodiscard]] constexpr result<void> can_join(storage_geometry geometry,
                                              std::initializer_list<address> sizes) noexcept {
    address total = 0;
    for (const address size : sizes) {
        if (size % border_alignment(geometry) != 0) {
            return failure(errc::misaligned);
        }
        if (size > (std::numeric_limits<address>::max)() - total) {
            return failure(errc::too_large);
        }
        total += size;
    }
    return {};
}

template <class... Storages>
[[nodiscard]] consteval bool capacities_can_join() {
    if constexpr ((fixed_size_storage<Storages> && ...)) {
        return can_join(common_geometry<Storages...>(),
                        {static_cast<address>(Storages::capacity)...})
            .has_value();
    } else {
        return true;
    }
}

} // namespace detail

/// Several storages end to end, of any types, held by value (`storage_ref` shares one). An access
/// that crosses a border becomes one access to each storage that it touches, in order of address;
/// finding the first of them is O(storages). Its geometry is the coarsest of theirs, with the
/// smallest `atomic_write_size`.
///
/// A write that fails in one storage has taken place in those before it and in none after it.
/// `sync` syncs all of them, even after one has failed, and returns the first error.
template <class First, class... Rest>
class concatenated : public detail::adapted_capacity<First, Rest...> {
    static_assert((check_storage<First>(), true));
    static_assert(((check_storage<Rest>(), true) && ...));
    static_assert(detail::is_valid(storage_traits<First>::geometry) &&
                      (detail::is_valid(storage_traits<Rest>::geometry) && ...),
                  "storage_geometry: each size must be a power of two; only erase_size may be 0");
    static_assert((((storage_traits<First>::erase_size == 0) ==
                    (storage_traits<Rest>::erase_size == 0)) &&
                   ...),
                  "concatenated: either all of the storages need erasing or none does");
    static_assert(detail::capacities_can_join<First, Rest...>(),
                  "concatenated: each capacity must be a multiple of each size in the common "
                  "geometry, and their sum an address");

public:
    static constexpr storage_geometry geometry = detail::common_geometry<First, Rest...>();

    /// Only where all sizes are known at compile time, and have been checked then.
    constexpr concatenated()
        requires(fixed_size_storage<First> && (fixed_size_storage<Rest> && ...) &&
                 std::default_initializable<First> && (std::default_initializable<Rest> && ...))
    = default;

    /// Errors: misaligned if the size of a storage is not a multiple of each size in `geometry`,
    /// too_large if together they exceed what an address can express.
    [[nodiscard]] static constexpr result<concatenated> make(First first, Rest... rest) {
        if (const auto possible = detail::can_join(geometry, {first.size(), rest.size()...});
            !possible) {
            return failure(possible.error());
        }
        return concatenated(joined{}, std::move(first), std::move(rest)...);
    }

    /// Bytes.
    [[nodiscard]] constexpr address size() const noexcept { return chain_.size(); }

    [[nodiscard]] constexpr result<void> read(address from, std::span<std::byte> out) {
        return split(from, out.size(), [out](auto& part, address at, address done, address count) {
            return part.read(
                at, out.subspan(static_cast<std::size_t>(done), static_cast<std::size_t>(count)));
        });
    }
    [[nodiscard]] constexpr result<void> write(address to, std::span<const std::byte> in) {
        return split(to, in.size(), [in](auto& part, address at, address done, address count) {
            return part.write(
                at, in.subspan(static_cast<std::size_t>(done), static_cast<std::size_t>(count)));
        });
    }
    [[nodiscard]] constexpr result<void> sync() { return chain_.sync(); }
    [[nodiscard]] constexpr result<void> erase(address from, address length)
        requires(detail::has_storage_erase<First> && (detail::has_storage_erase<Rest> && ...))
    {
        return split(from, length, [](auto& part, address at, address, address count) {
            return part.erase(at, count);
        });
    }

private:
    /// Tells the constructor from one that would copy.
    struct joined {};

    constexpr explicit concatenated(joined, First&& first, Rest&&... rest)
        : chain_(std::move(first), std::move(rest)...) {}

    template <class Access>
    [[nodiscard]] constexpr result<void> split(address at, address count, Access access) {
        if (!detail::lies_within(size(), at, count)) {
            return failure(errc::out_of_range);
        }
        if (count == 0) {
            return {};
        }
        return chain_.split(at, count, 0, access);
    }

    detail::storage_chain<First, Rest...> chain_;
};
static_assert(storage<concatenated<storage_archetype, storage_archetype>>);

} // namespace vmem

#endif
