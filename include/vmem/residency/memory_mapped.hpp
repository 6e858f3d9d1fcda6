// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_RESIDENCY_MEMORY_MAPPED_HPP
#define VMEM_RESIDENCY_MEMORY_MAPPED_HPP

#include <vmem/config.hpp>
#include <vmem/residency/concept.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>
#include <vmem/storage/ram_storage.hpp>

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>

namespace vmem {

/// A residency without RAM of its own, for a storage whose bytes the processor addresses itself:
/// FRAM on its bus, PSRAM, a mapped file. Everything is resident always: an access is a check of
/// the range and one load or store, a pin is an addition, and there is nothing to flush.
///
/// What is written is on the storage at once, as far as that can be said of it: in an order that
/// nobody chose, and durable after the next `sync`. So a power cut between two syncs leaves what
/// it may; there is no way to hold changes back.
///
/// Cached writes to a device, as FRAM may have, are the storage's business: its `sync` is the place
/// for a barrier. `heap<>` makes one from `memory_mapped<>`.
template <class Storage, class Address, std::size_t PageSize, bool Statistics>
class mapped_memory {
    static_assert((check_storage<Storage>(), true));
    static_assert(memory_mapped_storage<Storage>,
                  "memory_mapped: the storage must be directly addressable; it has no 'std::byte* "
                  "data() noexcept', nor has one with a journal before it, which needs paged<>");
    static_assert(std::has_single_bit(PageSize) && PageSize >= 64,
                  "memory_mapped: PageSize must be a power of two, at least 64 bytes");

public:
    using storage_type = Storage;
    using address_type = Address;
    /// An address that has been checked.
    struct place {
        /// There is only one; pins are counted together.
        std::size_t frame;
        Address offset;
    };
    /// Bytes. Nothing straddles pages here; they are the unit of the size, and the largest object
    /// that is sure to be constructed in place.
    static constexpr std::size_t page_size = PageSize;
    /// All memory is one frame, which never leaves.
    static constexpr std::size_t frame_count = 1;
    /// Bytes at the start that no address reaches.
    static constexpr address reserved = PageSize;

    constexpr mapped_memory()
        requires std::default_initializable<Storage>
    = default;
    constexpr explicit mapped_memory(Storage storage) noexcept(
        std::is_nothrow_move_constructible_v<Storage>)
        : storage_(std::move(storage)) {}
    mapped_memory(const mapped_memory&) = delete;
    mapped_memory& operator=(const mapped_memory&) = delete;

    /// From now on serves the addresses below `end`, rounded down to whole pages. Errors: too_large
    /// if `end` does not fit `Address`; wrong_size if it leaves no page after the reserved one;
    /// misaligned if the storage's bytes are not aligned for every standard type; no_free_frame
    /// while anything is pinned.
    [[nodiscard]] result<void> start(address end) noexcept {
        const address pages = end / PageSize;
        if (pages < 2) {
            return failure(errc::wrong_size);
        }
        if (pages - 1 > (std::numeric_limits<Address>::max)() / PageSize) {
            return failure(errc::too_large);
        }
        if (pins_ != 0) {
            return failure(errc::no_free_frame);
        }
        std::byte* const data = storage_.data();
        if (reinterpret_cast<std::uintptr_t>(data) % alignof(std::max_align_t) != 0) {
            return failure(errc::misaligned);
        }
        data_ = data;
        span_ = (pages - 1) * PageSize;
        return {};
    }
    /// No address is valid until the next `start`. Precondition: nothing is pinned.
    void stop() noexcept { span_ = 0; }

    /// End of the addresses served (bytes); 0 before `start`.
    [[nodiscard]] constexpr address size() const noexcept {
        return span_ == 0 ? 0 : span_ + reserved;
    }

    [[nodiscard]] constexpr Storage& storage() noexcept { return storage_; }
    [[nodiscard]] constexpr const Storage& storage() const noexcept { return storage_; }

    /// The hot path: whether an object of `Size` bytes at `at`, a multiple of `Align`, can be
    /// accessed. O(1): one load and a comparison.
    template <std::size_t Size, std::size_t Align>
    [[nodiscard, gnu::always_inline]] bool find(Address at, place& where) const noexcept {
        static_assert(Align <= alignof(std::max_align_t) && Align <= PageSize,
                      "memory_mapped: T is aligned more strictly than the storage's bytes; use a "
                      "less aligned T");
        where = {.frame = 0, .offset = at};
        // What lies in the reserved page becomes what is far away.
        const auto distance = static_cast<Address>(at - static_cast<Address>(reserved));
        if constexpr (Size == Align) {
            // Both are multiples of it: what begins before the end also ends there.
            return distance < span_ && at % Align == 0;
        } else {
            return distance < span_ && Size <= span_ - distance && at % Align == 0;
        }
    }
    /// Raw address of a place found before.
    [[nodiscard, gnu::always_inline]] std::byte* use(place where) noexcept {
        count_access();
        return data_ + where.offset;
    }
    /// Nothing to do: the bytes are where they belong.
    [[gnu::always_inline]] void mark_dirty(place, std::size_t) noexcept {}
    /// Counts a pin.
    [[gnu::always_inline]] void add_pin(std::size_t) noexcept { ++pins_; }
    /// Gives a pin back.
    [[gnu::always_inline]] void unpin(std::size_t) noexcept { --pins_; }
    /// 1 while nothing is pinned.
    [[nodiscard]] constexpr std::size_t unpinned_frames() const noexcept {
        return pins_ == 0 ? 1 : 0;
    }

    /// Why `[at, at + count)` cannot be accessed: not_open before `start`, null_pointer in the
    /// reserved page, out_of_range past the end.
    [[nodiscard]] constexpr result<void> check(address at, std::size_t count) const noexcept {
        if (span_ == 0) {
            return failure(errc::not_open);
        }
        if (at < reserved) {
            return failure(errc::null_pointer);
        }
        return detail::check_range(size(), at, count);
    }

    /// The whole units of `unit` bytes that follow `at`, at most `count` of them, up to the end.
    /// Errors: those of `check`; zero_size. O(1).
    [[nodiscard]] result<pinned_bytes> pin(address at, std::size_t count, std::size_t unit,
                                           access) noexcept {
        if (count == 0 || unit == 0) {
            return failure(errc::zero_size);
        }
        if (const auto valid = check(at, unit); !valid) {
            return failure(valid.error());
        }
        count_access();
        ++pins_;
        return pinned_bytes{.data = data_ + at,
                            .size = detail::lesser(count, (size() - at) / unit) * unit,
                            .slot = 0};
    }

    // Out of line: what the hot path cannot do comes here.

    /// Copies bytes out. Errors: those of `check`. O(bytes).
    [[nodiscard, gnu::noinline]] result<void> read(address from,
                                                   std::span<std::byte> out) noexcept {
        const auto valid = check(from, out.size());
        if (valid && !out.empty()) {
            count_access();
            std::memmove(out.data(), data_ + from, out.size());
        }
        return valid;
    }
    /// Copies bytes in. Errors: those of `check`. O(bytes).
    [[nodiscard, gnu::noinline]] result<void> write(address to,
                                                    std::span<const std::byte> in) noexcept {
        const auto valid = check(to, in.size());
        if (valid && !in.empty()) {
            count_access();
            std::memmove(data_ + to, in.data(), in.size());
        }
        return valid;
    }

    /// Always misaligned: no object straddles anything here, and for one that is misaligned there
    /// is no RAM to hold a copy.
    [[nodiscard]] result<pinned_bytes> copy_out(address, std::size_t) noexcept {
        return failure(errc::misaligned);
    }
    /// Nobody has a copy to put back.
    [[nodiscard]] result<void> put_back(const pinned_bytes&, address) noexcept { return {}; }
    /// Nobody has a copy to end.
    void discard(const pinned_bytes&) noexcept {}

    /// Nothing to do.
    [[nodiscard]] constexpr result<void> flush() noexcept { return {}; }
    /// The storage's `sync`.
    [[nodiscard]] result<void> sync() { return storage_.sync(); }

    /// Reads the start of the reserved page. Precondition: `out` is at most a page.
    [[nodiscard]] result<void> read_reserved(std::span<std::byte> out) {
        return storage_.read(0, out);
    }
    /// Writes the start of the reserved page. Precondition: `in` is at most a page.
    [[nodiscard]] result<void> write_reserved(std::span<const std::byte> in) {
        return storage_.write(0, in);
    }

    /// Of what there is to count here, the accesses.
    [[nodiscard]] constexpr paging_statistics statistics() const noexcept
        requires Statistics
    {
        return statistics_;
    }
    /// From zero again.
    constexpr void reset_statistics() noexcept
        requires Statistics
    {
        statistics_ = {};
    }

private:
    struct nothing {};

    [[gnu::always_inline]] void count_access() noexcept {
        if constexpr (Statistics) {
            ++statistics_.accesses;
        }
    }

    /// The storage's byte 0.
    std::byte* data_ = nullptr;
    /// Bytes behind the reserved page; 0 before `start`.
    address span_ = 0;
    std::size_t pins_ = 0;
    [[no_unique_address]] Storage storage_;
    [[no_unique_address]] std::conditional_t<Statistics, paging_statistics, nothing> statistics_;
};
static_assert(residency<mapped_memory<ram_storage<128>, std::uint16_t, 64, false>>);

/// Residency of `heap<>` for directly addressable storage: no page frames, no copies. `PageSize`
/// bytes (a power of two, at least 64) at the start are the heap's own; the rest is virtual memory,
/// in whole pages.
template <std::size_t PageSize = 512>
struct memory_mapped {
    /// The residency for a storage and an address type.
    template <class Storage, class Address, bool Statistics>
    using bind = mapped_memory<Storage, Address, PageSize, Statistics>;
};

} // namespace vmem

#endif
