// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_RUN_MOVER_HPP
#define VMEM_DETAIL_RUN_MOVER_HPP

#include <vmem/config.hpp>
#include <vmem/detail/page_run.hpp>
#include <vmem/result.hpp>

#include <cstddef>

namespace vmem::detail {

/// Read-ahead and write-behind for a `frame_table` over a `page_transfer`: moves up to `Most`
/// consecutive pages in one storage operation. It keeps no state: a run shows by the pages that are
/// resident, so that any number of runs can be under way.
template <class Table, class Transfer, std::size_t PageSize, std::size_t Frames, std::size_t Most>
class run_mover {
    using run = page_run<Frames, Most>;

public:
    /// `bytes` are those of all frames.
    run_mover(Table& frames, Transfer& transfer, std::byte* bytes) noexcept
        : frames_(frames), transfer_(transfer), bytes_(bytes) {}

    /// How many pages from `page` on, which is not resident, are worth bringing in together, below
    /// page number `end`: as many as are resident just before it, so that the number doubles from
    /// one fetch to the next.
    [[nodiscard]] std::size_t length(std::size_t page, std::size_t end) noexcept {
        std::size_t before = 0;
        while (before < Most && before + 1 < page && is_resident(page - before - 1)) {
            ++before;
        }
        const std::size_t most = before < 2 ? 1 : lesser(before, end - page);
        std::size_t count = 1;
        while (count < most && !is_resident(page + count)) {
            ++count;
        }
        return count;
    }

    /// Brings in the `count` pages from `page` on, fewer if `make_room` finds no room for so many.
    /// The frame of `page`; or `Frames` if that failed, or there is no room for two.
    template <class MakeRoom>
    [[nodiscard]] std::size_t bring(std::size_t page, std::size_t count,
                                    MakeRoom make_room) noexcept {
        run taken;
        while (taken.size() < count) {
            const auto room = make_room();
            if (!room) {
                break;
            }
            // So that the next one is another.
            frames_.borrow(*room);
            taken.push_sorted(*room);
        }
        const bool loaded =
            taken.size() > 1 &&
            transfer_.load(Table::address_of(page), pieces<std::byte>(taken, 0, PageSize));
        for (std::size_t i = 0; i < taken.size(); ++i) {
            frames_.give_back(taken[i]);
        }
        for (std::size_t i = 0; loaded && i < taken.size(); ++i) {
            frames_.insert(page + i, taken[i]);
        }
        return loaded ? taken[0] : Frames;
    }

    /// Writes bytes `[begin, end)`, which have changed, of a resident page, and with them those of
    /// its neighbours that have changed from end to end and are not pinned. Whether there are such
    /// neighbours and all are saved; then they are clean, and so is the page unless it is pinned.
    [[nodiscard]] bool write(std::size_t frame, std::size_t begin, std::size_t end) noexcept {
        std::size_t first = Table::page_of(frames_.page_address(frame));
        run together;
        together.push_back(frame);
        for (std::size_t page = first; end == PageSize && !together.full() && is_written(++page);) {
            together.push_back(frames_.search(page));
        }
        while (begin == 0 && first > 1 && !together.full() && is_written(first - 1)) {
            together.push_front(frames_.search(--first));
        }
        const std::size_t last = together.size() - 1;
        const std::size_t from = together[0] == frame ? begin : 0;
        if (last == 0 ||
            !transfer_.save(Table::address_of(first) + from,
                            pieces<const std::byte>(together, from,
                                                    together[last] == frame ? end : PageSize))) {
            return false;
        }
        for (std::size_t i = 0; i <= last; ++i) {
            if (frames_.pins(together[i]) == 0) {
                frames_.mark_clean(together[i]);
            }
        }
        return true;
    }

private:
    template <class Byte>
    [[nodiscard]] auto pieces(const run& of, std::size_t begin, std::size_t end) noexcept {
        return run_pieces<Byte, PageSize, run>(bytes_, of, begin, end);
    }
    [[nodiscard]] bool is_resident(std::size_t page) noexcept {
        return frames_.search(page) != Frames;
    }
    [[nodiscard]] bool is_written(std::size_t page) noexcept {
        const std::size_t frame = frames_.search(page);
        if (frame == Frames || frames_.pins(frame) != 0 || !frames_.dirty().any(frame)) {
            return false;
        }
        const auto [begin, end] = frames_.dirty().rounded(frame, 1);
        return begin == 0 && end == PageSize;
    }

    Table& frames_;
    Transfer& transfer_;
    std::byte* bytes_;
};

} // namespace vmem::detail

#endif
