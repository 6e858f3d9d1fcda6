// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_PAGE_RUN_HPP
#define VMEM_DETAIL_PAGE_RUN_HPP

#include <vmem/config.hpp>
#include <vmem/residency/concept.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>
#include <vmem/storage/gathering.hpp>
#include <vmem/storage/scattering.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

namespace vmem::detail {

/// The frames of consecutive pages, at most `Most`, in the order of the pages.
template <std::size_t Frames, std::size_t Most>
class page_run {
public:
    [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
    [[nodiscard]] constexpr bool full() const noexcept { return size_ == Most; }
    [[nodiscard]] constexpr std::size_t operator[](std::size_t i) const noexcept {
        return frames_[i];
    }

    /// Precondition of these: not full.
    constexpr void push_back(std::size_t frame) noexcept {
        frames_[size_++] = static_cast<index>(frame);
    }
    constexpr void push_front(std::size_t frame) noexcept { insert(0, frame); }
    /// Keeps the frames in the order of their numbers: where they follow each other in RAM, they
    /// are transferred as one piece even by a storage that takes one piece only.
    constexpr void push_sorted(std::size_t frame) noexcept {
        std::size_t place = size_;
        while (place != 0 && frames_[place - 1] > frame) {
            --place;
        }
        insert(place, frame);
    }

private:
    using index = smallest_uint<Frames - 1>;

    constexpr void insert(std::size_t place, std::size_t frame) noexcept {
        for (std::size_t i = size_; i != place; --i) {
            frames_[i] = frames_[i - 1];
        }
        frames_[place] = static_cast<index>(frame);
        ++size_;
    }

    std::array<index, Most> frames_{};
    std::size_t size_ = 0;
};

/// What of the frames of a run is transferred: from byte `begin` of the first to byte `end` of the
/// last. Yields it in the longest pieces that are contiguous in RAM.
template <class Byte, std::size_t PageSize, class Run>
class run_pieces {
public:
    run_pieces(std::byte* frames, const Run& run, std::size_t begin, std::size_t end) noexcept
        : frames_(frames), run_(run), begin_(begin), end_(end) {}

    [[nodiscard]] std::span<Byte> operator()() noexcept {
        if (next_ == run_.size()) {
            return {};
        }
        std::size_t frame = run_[next_];
        std::byte* const first = frames_ + frame * PageSize + std::exchange(begin_, 0);
        for (++next_; next_ != run_.size() && run_[next_] == frame + 1; ++next_) {
            ++frame;
        }
        std::byte* const last = frames_ + frame * PageSize;
        return {first, last + (next_ == run_.size() ? end_ : PageSize)};
    }

    /// Bytes.
    [[nodiscard]] std::size_t size() const noexcept {
        return (run_.size() - 1) * PageSize + end_ - begin_;
    }

private:
    std::byte* frames_;
    const Run& run_;
    std::size_t begin_;
    std::size_t end_;
    std::size_t next_ = 0;
};

/// A storage, and what has been transferred from and to it.
template <class Storage, std::size_t PageSize, bool Statistics>
class page_transfer {
public:
    constexpr page_transfer()
        requires std::default_initializable<Storage>
    = default;
    constexpr explicit page_transfer(Storage storage) noexcept(
        std::is_nothrow_move_constructible_v<Storage>)
        : storage_(std::move(storage)) {}

    [[nodiscard]] constexpr Storage& storage() noexcept { return storage_; }
    [[nodiscard]] constexpr const Storage& storage() const noexcept { return storage_; }
    [[nodiscard]] constexpr auto& statistics() noexcept { return statistics_; }
    [[nodiscard]] constexpr const auto& statistics() const noexcept { return statistics_; }

    [[nodiscard]] result<void> load(address from, std::span<std::byte> out) {
        const auto done = storage_.read(from, out);
        count_read(done, out.size());
        return done;
    }
    [[nodiscard]] result<void> save(address to, std::span<const std::byte> in) {
        const auto done = storage_.write(to, in);
        count_written(done, in.size());
        return done;
    }

    /// One operation, or one per piece.
    template <class Run>
    [[nodiscard]] result<void> load(address from, run_pieces<std::byte, PageSize, Run> pieces) {
        const std::size_t count = pieces.size();
        const auto done = read_scattered(storage_, from, count, pieces);
        count_read(done, count);
        return done;
    }
    template <class Run>
    [[nodiscard]] result<void> save(address to, run_pieces<const std::byte, PageSize, Run> pieces) {
        const std::size_t count = pieces.size();
        result<void> done;
        if constexpr (gathering_storage<Storage>) {
            done = storage_.write_gathered(to, count, pieces);
        } else {
            for (auto piece = pieces(); done && !piece.empty(); piece = pieces()) {
                done = storage_.write(to, piece);
                to += piece.size();
            }
        }
        count_written(done, count);
        return done;
    }

private:
    struct nothing {};

    void count_read(const result<void>& done, std::size_t count) noexcept {
        if constexpr (Statistics) {
            if (done) {
                statistics_.page_ins += (count + PageSize - 1) / PageSize;
                statistics_.bytes_read += count;
            }
        }
    }
    void count_written(const result<void>& done, std::size_t count) noexcept {
        if constexpr (Statistics) {
            if (done) {
                statistics_.write_backs += (count + PageSize - 1) / PageSize;
                statistics_.bytes_written += count;
            }
        }
    }

    [[no_unique_address]] Storage storage_;
    [[no_unique_address]] std::conditional_t<Statistics, paging_statistics, nothing> statistics_;
};

} // namespace vmem::detail

#endif
