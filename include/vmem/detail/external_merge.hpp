// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_EXTERNAL_MERGE_HPP
#define VMEM_DETAIL_EXTERNAL_MERGE_HPP

#include <vmem/config.hpp>
#include <vmem/detail/loser_tree.hpp>
#include <vmem/detail/merge_sort.hpp>
#include <vmem/residency/concept.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <cstddef>
#include <span>
#include <utility>

namespace vmem::detail {

/// Where one of the sequences is that are merged: what of it is in RAM, and what is not yet.
template <class T>
struct merge_way {
    const T* next;
    const T* end;
    T* buffer;
    /// Elements from the start of the range.
    std::size_t at;
    std::size_t stop;
};

/// The passes of an external merge sort over `count` elements at two places of a residency, through
/// `loan`, RAM that it lends. Runs end, where they can, at ends of pages.
template <class Residency, class T, class Less>
class external_merge {
    using tree = loser_tree<T, Less>;
    using way = merge_way<T>;
    using traits = storage_traits<typename Residency::storage_type>;
    static constexpr std::size_t page_size = Residency::page_size;

public:
    external_merge(Residency& residency, const pinned_bytes& loan, address first, std::size_t count,
                   Less& less) noexcept
        : residency_(residency), loan_(loan), less_(less), first_(first), count_(count),
          lead_(even() ? static_cast<std::size_t>(first & (page_size - 1)) : 0) {}

    /// Elements that are sorted in RAM at once.
    [[nodiscard]] std::size_t room() const noexcept { return loan_.size / 2 / sizeof(T); }

    /// Bytes from the start of one run to that of the next.
    [[nodiscard]] std::size_t run_stride() const noexcept {
        const std::size_t bytes = (room() == 0 ? 1 : room()) * sizeof(T);
        return even() ? align_down(bytes, page_size) : bytes;
    }
    /// How many runs of that stride there are.
    [[nodiscard]] std::size_t runs(std::size_t stride) const noexcept {
        return (lead_ + count_ * sizeof(T) + stride - 1) / stride;
    }
    /// Most runs that can be merged at once; 0 if there is not RAM enough for two. Buffers are as
    /// large as a page, or smaller if that makes fewer passes of a few pages and the storage does
    /// not transfer more at once.
    [[nodiscard]] std::size_t most_ways() const noexcept {
        std::size_t buffer = lesser(page_size, ram() / 16);
        for (const std::size_t least : {traits::read_size, traits::write_size, sizeof(T)}) {
            buffer = buffer < least ? least : buffer;
        }
        const std::size_t ways = (ram() - lesser(ram(), 2 * alignment)) / (buffer + per_way);
        return ways > 3 ? ways - 1 : buffer_of(2) != 0 ? 2 : 0;
    }

    /// Leaves the last run in RAM, to be merged from there, if that leaves room to merge all runs
    /// in one pass.
    void keep_last() noexcept {
        const std::size_t all = runs(run_stride());
        kept_ = count_ - start_of(all - 1, run_stride());
        if (most_ways() < all) {
            kept_ = 0;
        }
    }

    /// Sorts runs from `first` and writes them to `to`, which may be the same. Errors: the
    /// residency's; a run that could not be written where it came from has been tried twice.
    [[nodiscard]] result<void> make_runs(address to) {
        const std::size_t stride = run_stride();
        T* const elements = reinterpret_cast<T*>(loan_.data);
        for (std::size_t run = 0; run < runs(stride); ++run) {
            const std::size_t begin = start_of(run, stride);
            const std::size_t n = start_of(run + 1, stride) - begin;
            if (const auto read = fetch(first_, begin, elements, n); !read) {
                return read;
            }
            merge_sort(elements, elements + room(), n, false, less_);
            if (kept_ != 0 && begin + n == count_) {
                break;
            }
            auto written = store(to, begin, elements, n);
            if (!written && to == first_) {
                static_cast<void>(store(to, begin, elements, n));
            }
            if (!written) {
                return written;
            }
        }
        return {};
    }

    /// Merges groups of `ways` runs of `stride` bytes. Errors: the residency's.
    [[nodiscard]] result<void> merge(address from, address to, std::size_t stride,
                                     std::size_t ways) {
        from_ = from;
        to_ = to;
        for (std::size_t run = 0; run < runs(stride); run += ways) {
            if (const auto merged = merge_group(run, stride, ways); !merged) {
                return merged;
            }
        }
        return {};
    }

    /// Puts all elements where they can stay, whatever their order: those that are kept, and the
    /// runs at `from`. Errors: the residency's.
    [[nodiscard]] result<void> rescue(address from, address to) {
        auto done = store(to, count_ - kept_, reinterpret_cast<T*>(loan_.data), kept_);
        T* const elements = reinterpret_cast<T*>(free_ram());
        for (std::size_t at = 0, n = 0; done && at < count_ - kept_; at += n) {
            n = lesser(ram() / sizeof(T), count_ - kept_ - at);
            done = fetch(from, at, elements, n);
            if (done) {
                done = store(to, at, elements, n);
            }
        }
        return done;
    }

private:
    static constexpr std::size_t per_way = sizeof(way) + sizeof(typename tree::node);
    static constexpr std::size_t alignment = alignof(std::max_align_t);

    /// Whether runs end with pages. They do unless they are shorter, or there is one.
    [[nodiscard]] bool even() const noexcept {
        return count_ > room() && room() * sizeof(T) >= page_size;
    }
    /// Bytes of what is known of `ways` ways, each of both parts aligned.
    [[nodiscard]] static constexpr std::size_t nodes_size(std::size_t ways) noexcept {
        return align_up(ways * sizeof(typename tree::node), alignment);
    }
    [[nodiscard]] static constexpr std::size_t notes(std::size_t ways) noexcept {
        return nodes_size(ways) + align_up(ways * sizeof(way), alignment);
    }

    /// The first element of run `run`, or the end.
    [[nodiscard]] std::size_t start_of(std::size_t run, std::size_t stride) const noexcept {
        if (run == 0) {
            return 0;
        }
        if (run >= runs(stride)) {
            return count_;
        }
        const std::size_t bytes = run * stride - lead_;
        return lesser((bytes + sizeof(T) - 1) / sizeof(T), count_);
    }
    /// Behind what is kept.
    [[nodiscard]] std::byte* free_ram() const noexcept { return loan_.data + (loan_.size - ram()); }
    [[nodiscard]] std::size_t ram() const noexcept {
        return loan_.size - align_up(kept_ * sizeof(T), alignment);
    }
    /// Elements in each of `ways` buffers and one more.
    [[nodiscard]] std::size_t buffer_of(std::size_t ways) const noexcept {
        const std::size_t used = lesser(notes(ways), ram());
        const std::size_t bytes = (ram() - used) / (ways + 1);
        return (bytes < page_size ? bytes : align_down(bytes, page_size)) / sizeof(T);
    }

    [[nodiscard]] result<void> fetch(address base, std::size_t at, T* to, std::size_t n) {
        return residency_.read_around(base + at * sizeof(T),
                                      {reinterpret_cast<std::byte*>(to), n * sizeof(T)});
    }
    [[nodiscard]] result<void> store(address base, std::size_t at, const T* from, std::size_t n) {
        return residency_.write_around(base + at * sizeof(T),
                                       {reinterpret_cast<const std::byte*>(from), n * sizeof(T)});
    }

    /// How many of the elements `[at, stop)` are transferred next: as many as fit into a buffer, or
    /// somewhat less, so that the transfer ends with a page.
    [[nodiscard]] std::size_t portion(std::size_t at, std::size_t stop) const noexcept {
        const address start = first_ + at * sizeof(T);
        const address end = align_down(start + buffer_ * sizeof(T), address{page_size});
        const std::size_t even =
            end > start ? static_cast<std::size_t>(end - start) / sizeof(T) : 0;
        return lesser(even == 0 ? buffer_ : even, stop - at);
    }

    [[nodiscard]] result<void> refill(way& w) {
        const std::size_t n = portion(w.at, w.stop);
        w.next = w.buffer;
        w.end = w.buffer + n;
        const auto read = fetch(from_, w.at, w.buffer, n);
        w.at += n;
        return read;
    }

    /// Merges runs `[run, run + ways)`, as far as there are such.
    [[nodiscard]] result<void> merge_group(std::size_t run, std::size_t stride, std::size_t ways) {
        buffer_ = buffer_of(ways);
        T* const buffers = reinterpret_cast<T*>(free_ram());
        std::byte* const end = loan_.data + loan_.size - notes(ways);
        auto* const nodes = reinterpret_cast<typename tree::node*>(end);
        way* const all = reinterpret_cast<way*>(end + nodes_size(ways));
        std::size_t live = 0;
        for (std::size_t i = 0; i < ways; ++i) {
            const std::size_t begin = start_of(run + i, stride);
            const std::size_t stop = start_of(run + i + 1, stride);
            if (begin == stop) {
                continue;
            }
            way& w = all[live];
            w = {nullptr, nullptr, buffers + live * buffer_, begin, stop};
            ++live;
            if (kept_ != 0 && stop == count_) {
                w.next = reinterpret_cast<const T*>(loan_.data);
                w.end = w.next + kept_;
                w.at = stop;
            } else if (const auto read = refill(w); !read) {
                return read;
            }
        }
        T* const out = buffers + ways * buffer_;
        return emit(tree(nodes, less_), all, live, out, start_of(run, stride));
    }

    /// Takes the elements of the `live` ways in order, and writes them from element `at` on.
    [[nodiscard]] result<void> emit(tree first, way* all, std::size_t live, T* const out,
                                    std::size_t at) {
        const auto first_of = [all](std::size_t i) { return all[i].next; };
        std::size_t filled = 0;
        std::size_t most = portion(at, count_);
        if (live != 0) {
            first.build(live, first_of);
        }
        while (live != 0) {
            way& w = all[first.way()];
            move_element(out + filled, w.next);
            if (++filled == most) [[unlikely]] {
                if (const auto written = store(to_, at, out, filled); !written) {
                    return written;
                }
                at += std::exchange(filled, 0);
                most = portion(at, count_);
            }
            if (++w.next != w.end) [[likely]] {
                first.replace(w.next);
                continue;
            }
            if (w.at != w.stop) {
                if (const auto read = refill(w); !read) {
                    return read;
                }
                first.replace(w.next);
                continue;
            }
            --live;
            for (way* i = &w; i != all + live; ++i) {
                *i = i[1];
            }
            if (live != 0) {
                first.build(live, first_of);
            }
        }
        return filled == 0 ? result<void>{} : store(to_, at, out, filled);
    }

    Residency& residency_;
    pinned_bytes loan_;
    Less& less_;
    address first_;
    std::size_t count_;
    /// Bytes of the first page before the first element: the first run is shorter by that.
    std::size_t lead_;
    /// Elements of the last run, at the start of the loan.
    std::size_t kept_ = 0;
    address from_ = 0;
    address to_ = 0;
    /// Elements.
    std::size_t buffer_ = 0;
};

} // namespace vmem::detail

#endif
