// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_MIRROR_HALVES_HPP
#define VMEM_DETAIL_MIRROR_HALVES_HPP

#include <vmem/config.hpp>
#include <vmem/detail/adapted_storage.hpp>
#include <vmem/detail/mirror_mark.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace vmem {

/// Which half of a mirror.
enum class mirror_half : std::uint8_t { first, second };

namespace detail {

/// The two storages of a mirror, unit by unit, and the marks at the end of each, which tell whose
/// bytes are newer. Which half is in use is the business of `mirrored`.
template <class First, class Second>
class mirror_halves {
    static_assert((check_storage<First>(), true));
    static_assert((check_storage<Second>(), true));
    static_assert(is_valid(storage_traits<First>::geometry) &&
                      is_valid(storage_traits<Second>::geometry),
                  "storage_geometry: each size must be a power of two; only erase_size may be 0");
    static_assert(
        storage_traits<First>::erase_size == 0 && storage_traits<Second>::erase_size == 0,
        "mirrored: the storages must need no erasing; put it above the layer that erases");

public:
    // All sizes are powers of two, so the highest bit is the largest.
    static constexpr storage_geometry geometry{
        .read_size =
            std::bit_floor(storage_traits<First>::read_size | storage_traits<Second>::read_size),
        .write_size =
            std::bit_floor(storage_traits<First>::write_size | storage_traits<Second>::write_size),
        .atomic_write_size = lesser(storage_traits<First>::atomic_write_size,
                                    storage_traits<Second>::atomic_write_size)};
    /// Bytes that are repaired at a time.
    static constexpr std::size_t unit =
        std::bit_floor(border_alignment(storage_traits<First>::geometry) |
                       border_alignment(storage_traits<Second>::geometry) | 64U);

    /// Bytes.
    [[nodiscard]] constexpr address size() const noexcept { return size_; }

    /// The storages adapted.
    [[nodiscard]] constexpr First& first() noexcept { return first_; }
    /// The other one.
    [[nodiscard]] constexpr Second& second() noexcept { return second_; }

protected:
    /// Of each half, one unit each: while the one is written, the other counts.
    static constexpr std::size_t marks = 2;

    mirror_halves(First&& first, Second&& second)
        : first_(std::move(first)), second_(std::move(second)) {
        const address units = (std::min)(first_.size(), second_.size()) / unit;
        size_ = units <= marks ? 0 : (units - marks) * unit;
    }

    [[nodiscard]] static constexpr mirror_half other(mirror_half which) noexcept {
        return which == mirror_half::first ? mirror_half::second : mirror_half::first;
    }

    template <class Operation>
    [[nodiscard]] result<void> one_of(mirror_half which, Operation operation) {
        return which == mirror_half::first ? operation(first_) : operation(second_);
    }

    [[nodiscard]] result<void> load_from(mirror_half which, address at) {
        return one_of(which, [&](auto& half) { return half.read(at, buffer_); });
    }
    [[nodiscard]] result<void> store_to(mirror_half which, address at) {
        return one_of(which, [&](auto& half) { return half.write(at, buffer_); });
    }

    /// What cannot be copied must not be old there.
    [[nodiscard]] result<void> spoil(mirror_half which, address at, errc code) {
        return one_of(which, [&](auto& half) -> result<void> {
            if constexpr (requires { half.spoil(at, unit); }) {
                if (code == errc::corrupt) {
                    return half.spoil(at, unit);
                }
            }
            return failure(code);
        });
    }

    [[nodiscard]] result<std::uint64_t> read_mark(mirror_half which, address at) {
        if (const auto loaded = load_from(which, at); !loaded) {
            return failure(loaded.error());
        }
        return generation_in(buffer_);
    }
    /// Generation of a half, 0 if it has no mark. Errors: if neither of its marks can be read.
    [[nodiscard]] result<std::uint64_t> read_mark(mirror_half which) {
        const auto one = read_mark(which, size_);
        const auto two = read_mark(which, size_ + unit);
        return one.value_or(0) > two.value_or(0) || !two ? one : two;
    }
    /// Gives a half that generation, durably. Whenever this is cut short, one of its marks
    /// can be read.
    [[nodiscard]] result<void> mark(mirror_half which, std::uint64_t generation) {
        const auto sync_half = [](auto& half) { return half.sync(); };
        // What was written before must not be younger than the mark; nor must the mark that stays.
        auto done = one_of(which, sync_half);
        const bool first_is_newer =
            read_mark(which, size_).value_or(0) > read_mark(which, size_ + unit).value_or(0);
        write_mark(buffer_, generation);
        for (std::size_t n = 0; n < marks && done; ++n) {
            done = store_to(which, (n == 0) == first_is_newer ? size_ + unit : size_);
            done = done ? one_of(which, sync_half) : done;
        }
        return done;
    }

    First first_;
    Second second_;
    address size_ = 0;
    std::array<std::byte, unit> buffer_{};
};

} // namespace detail
} // namespace vmem

#endif
