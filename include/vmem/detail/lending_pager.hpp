// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_LENDING_PAGER_HPP
#define VMEM_DETAIL_LENDING_PAGER_HPP

#include <vmem/config.hpp>
#include <vmem/detail/pager.hpp>
#include <vmem/residency/concept.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <cstddef>
#include <cstring>
#include <span>

namespace vmem::detail {

/// A pager that lends its frames as plain RAM, and transfers long stretches past them.
template <class Storage, class Address, std::size_t PageSize, std::size_t Frames,
          template <std::size_t> class Eviction, class Translation, bool Statistics,
          std::size_t MostPages>
class lending_pager : public pager<Storage, Address, PageSize, Frames, Eviction, Translation,
                                   Statistics, MostPages> {
    using base =
        pager<Storage, Address, PageSize, Frames, Eviction, Translation, Statistics, MostPages>;
    using traits = storage_traits<Storage>;

public:
    using base::base;

    /// Lends RAM: at most `most` frames that lie one after the other, the longest such stretch of
    /// which none is pinned. They are the caller's until `take_back`; what they hold at first is
    /// unspecified. Errors: no_free_frame if there is none; the storage's, then nothing is lent. At
    /// most one storage write per frame. Where changes have to stay in RAM, none that has any is
    /// lent, and at most half of all.
    [[nodiscard]] result<pinned_bytes> lend(std::size_t most) noexcept {
        if constexpr (base::keeps_changes) {
            // The others are for what the borrower writes.
            most = lesser(most, Frames / 2);
        }
        const stretch free = longest_unpinned(most);
        if (free.count == 0) {
            return failure(errc::no_free_frame);
        }
        for (std::size_t frame = free.first; frame < free.first + free.count; ++frame) {
            if (const auto emptied = this->evict(frame); !emptied) {
                return failure(emptied.error());
            }
        }
        for (std::size_t frame = free.first; frame < free.first + free.count; ++frame) {
            frames_.borrow(frame);
        }
        return pinned_bytes{
            .data = bytes(free.first), .size = free.count * PageSize, .slot = free.first};
    }
    /// Ends a loan. O(1) per frame.
    void take_back(const pinned_bytes& loan) noexcept {
        for (std::size_t frame = loan.slot; frame < loan.slot + loan.size / PageSize; ++frame) {
            frames_.give_back(frame);
        }
    }

protected:
    using base::bytes;
    using base::frames_;
    using base::transfer_;

    /// Reads a stretch in one storage operation, after what is resident and unsaved of it has been
    /// written back. Precondition: valid, and aligned to `read_size`.
    [[nodiscard]] result<void> read_past(address from, std::span<std::byte> out) noexcept {
        for (std::size_t frame = 0; frame < Frames; ++frame) {
            if (overlaps(frame, from, out.size())) {
                if (const auto saved = this->write_back(frame); !saved) {
                    return saved;
                }
            }
        }
        return transfer_.load(from, out);
    }

    /// Writes a stretch in one storage operation. Pages that are overwritten whole leave their
    /// frames, unsaved changes and all; what else is resident of it is brought up to date. If the
    /// storage fails, what is resident stays, to be written back. Precondition: as `read_past`.
    [[nodiscard]] result<void> write_past(address to, std::span<const std::byte> in) noexcept {
        const auto written = transfer_.save(to, in);
        for (std::size_t frame = 0; frame < Frames; ++frame) {
            if (!overlaps(frame, to, in.size())) {
                continue;
            }
            const address page = frames_.page_address(frame);
            const address begin = page < to ? to : page;
            const address end = lesser(page + PageSize, to + in.size());
            const auto offset = static_cast<std::size_t>(begin - page);
            const auto count = static_cast<std::size_t>(end - begin);
            if (!written) {
                frames_.mark_dirty({.frame = frame, .offset = offset}, count);
            } else if (count == PageSize && frames_.pins(frame) == 0) {
                frames_.remove(frame);
            } else {
                std::memcpy(bytes(frame) + offset, in.data() + (begin - to), count);
            }
        }
        return written;
    }

private:
    struct stretch {
        std::size_t first = 0;
        std::size_t count = 0;
    };

    [[nodiscard]] stretch longest_unpinned(std::size_t most) const noexcept {
        stretch longest;
        stretch now;
        for (std::size_t frame = 0; frame < Frames && longest.count < most; ++frame) {
            const bool stays = base::keeps_changes && frames_.dirty().any(frame);
            if (stays || frames_.pins(frame) != 0) {
                now = {.first = frame + 1, .count = 0};
            } else if (++now.count > longest.count) {
                longest = now;
            }
        }
        return longest;
    }

    [[nodiscard]] bool overlaps(std::size_t frame, address at, std::size_t count) const noexcept {
        if (!frames_.holds_page(frame)) {
            return false;
        }
        const address page = frames_.page_address(frame);
        return page < at + count && at < page + PageSize;
    }
};

} // namespace vmem::detail

#endif
