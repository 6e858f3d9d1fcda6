// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_CONTRACT_FLAKY_HPP
#define VMEM_TEST_CONTRACT_FLAKY_HPP

#include <vmem/config.hpp>
#include <vmem/detail/adapted_storage.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>

/// \file
/// A storage whose nth operation fails, whatever it is: the way to try every point at which a
/// sequence of operations can be interrupted, one after the other.
///
///     flaky medium{ram_storage<4096>{}};
///     for (std::uint64_t n = 1;; ++n) {
///         medium.fail(n);
///         run(medium);
///         if (!medium.failed()) { break; }    // the sequence is shorter than that
///         medium.heal();
///         check(medium);
///     }
///
/// It is quick enough for millions of operations. What power cuts do is the business of `faulty`.
namespace vmem::contract {

/// What a write that fails leaves behind. The contract of storages permits each of them.
enum class failed_write : std::uint8_t { stores_nothing, stores_some, stores_all };

/// A storage over a healthy `Storage`. Accesses that do not keep to `Geometry` are misaligned.
template <class Storage, storage_geometry Geometry = storage_traits<Storage>::geometry>
class flaky : public vmem::detail::adapted_capacity<Storage> {
    static_assert((check_storage<Storage>(), true));

public:
    static constexpr storage_geometry geometry = Geometry;
    static constexpr std::uint64_t forever = (std::numeric_limits<std::uint64_t>::max)();

    flaky()
        requires std::default_initializable<Storage>
    = default;
    explicit flaky(Storage inner) : inner_(std::move(inner)) {}

    /// Bytes.
    [[nodiscard]] address size() const noexcept { return inner_.size(); }

    [[nodiscard]] result<void> read(address from, std::span<std::byte> out) {
        if (const auto valid = check(from, out.size(), geometry.read_size); !valid) {
            return valid;
        }
        if (fails()) {
            std::ranges::fill(out, std::byte{0xEE});
            return failure(errc::read_failed);
        }
        return inner_.read(from, out);
    }

    [[nodiscard]] result<void> write(address to, std::span<const std::byte> in) {
        if (const auto valid = check(to, in.size(), geometry.write_size); !valid) {
            return valid;
        }
        if (fails()) {
            return store_failing(to, in);
        }
        return inner_.write(to, in);
    }

    [[nodiscard]] result<void> sync() {
        if (fails()) {
            return failure(errc::sync_failed);
        }
        return inner_.sync();
    }

    /// From now on operations are numbered from 1, reads, writes and syncs together; from the
    /// `first` on, `count` of them fail.
    void fail(std::uint64_t first, std::uint64_t count = 1,
              failed_write how = failed_write::stores_nothing) noexcept {
        operations_ = failed_ = 0;
        first_ = first;
        count_ = count;
        how_ = how;
    }
    /// From now on all succeed. What `operations` and `failed` say stays.
    void heal() noexcept { first_ = 0; }

    /// Operations since `fail`, those that failed included. An access that is refused is none.
    [[nodiscard]] std::uint64_t operations() const noexcept { return operations_; }
    /// How many of them failed.
    [[nodiscard]] std::uint64_t failed() const noexcept { return failed_; }

    /// The storage itself; accesses to it do not fail and have no number.
    [[nodiscard]] Storage& inner() noexcept { return inner_; }
    [[nodiscard]] const Storage& inner() const noexcept { return inner_; }

private:
    [[nodiscard]] result<void> check(address at, std::size_t count, std::size_t alignment) const {
        if (const auto fits = vmem::detail::check_range(size(), at, count); !fits) {
            return fits;
        }
        if (at % alignment != 0 || count % alignment != 0) {
            return failure(errc::misaligned);
        }
        return {};
    }

    [[nodiscard]] bool fails() noexcept {
        ++operations_;
        const bool now = first_ != 0 && operations_ >= first_ && operations_ - first_ < count_;
        failed_ += now ? 1U : 0U;
        return now;
    }

    [[nodiscard]] result<void> store_failing(address to, std::span<const std::byte> in) {
        // Every other unit: a write that ends early leaves less to tell apart.
        const std::size_t unit = Geometry.write_size;
        const std::size_t step = how_ == failed_write::stores_all ? unit : 2 * unit;
        if (how_ != failed_write::stores_nothing) {
            for (std::size_t at = 0; at < in.size(); at += step) {
                if (const auto stored = inner_.write(to + at, in.subspan(at, unit)); !stored) {
                    return stored;
                }
            }
        }
        return failure(errc::write_failed);
    }

    Storage inner_;
    std::uint64_t operations_ = 0;
    std::uint64_t failed_ = 0;
    std::uint64_t first_ = 0;
    std::uint64_t count_ = 0;
    failed_write how_ = failed_write::stores_nothing;
};

} // namespace vmem::contract

#endif
