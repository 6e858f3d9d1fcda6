// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_ALGORITHM_HPP
#define VMEM_ALGORITHM_HPP

#include <vmem/config.hpp>
#include <vmem/detail/external_merge.hpp>
#include <vmem/fwd.hpp>
#include <vmem/residency/concept.hpp>
#include <vmem/result.hpp>
#include <vmem/storable.hpp>
#include <vmem/vptr.hpp>

#include <concepts>
#include <cstddef>
#include <functional>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>

/// \file
/// Algorithms for more elements than fit into RAM.
namespace vmem {

namespace detail {

/// A residency that lends its frames, and reads and writes past them.
template <class R>
concept lends_frames = residency<R> && requires(R& r, std::size_t n, const pinned_bytes& loan,
                                                address at, std::span<std::byte> out) {
    { r.lend(n) } -> std::same_as<result<pinned_bytes>>;
    { r.take_back(loan) } noexcept;
    { r.read_around(at, out) } -> std::same_as<result<void>>;
    { r.write_around(at, out) } -> std::same_as<result<void>>;
};

/// A sort of `n` elements at `at`, all of which has been checked.
template <class T, class Heap, class Less>
class sorter {
    using residency = typename Heap::residency_type;
    using merger = external_merge<residency, T, Less>;

public:
    sorter(address at, std::size_t n, Less& less) noexcept
        : heap_(Heap::current()), at_(at), n_(n), less_(less) {}
    sorter(const sorter&) = delete;
    sorter& operator=(const sorter&) = delete;
    ~sorter() {
        return_loan();
        static_cast<void>(heap_.deallocate(scratch_));
    }

    [[nodiscard]] result<void> run() {
        residency& pages = heap_.residency();
        const auto lent = pages.lend(most_frames(pages.unpinned_frames()));
        if (!lent) {
            return failure(lent.error());
        }
        loan_ = *lent;
        merger passes(pages, loan_, at_, n_, less_);
        const auto done = n_ <= passes.room() ? passes.make_runs(at_) : merge_runs(passes);
        return_loan();
        const auto freed = heap_.deallocate(std::exchange(scratch_, nullptr));
        return done ? freed : done;
    }

private:
    /// Frames to borrow: as many as help, and not all. The allocator needs one, and so may `less`.
    [[nodiscard]] std::size_t most_frames(std::size_t unpinned) const noexcept {
        const std::size_t page = residency::page_size;
        const std::size_t left = unpinned - lesser(unpinned, 1 + unpinned / 16);
        const std::size_t useful = (n_ * sizeof(T) + page / 2 - 1) / (page / 2);
        return lesser(left, useful);
    }

    [[nodiscard]] result<void> merge_runs(merger& passes) {
        const std::size_t most = passes.most_ways();
        // What has to stay in RAM must not be there twice.
        if (residency::keeps_changes || most < 2) {
            return failure(errc::no_free_frame);
        }
        const auto other = make_scratch();
        if (!other) {
            return failure(other.error());
        }
        std::size_t stride = passes.run_stride();
        std::size_t runs = passes.runs(stride);
        std::size_t count = 1;
        while (runs_after(count, most, runs) > 1) {
            ++count;
        }
        // No more ways than the passes take: the fewer they are, the longer each transfer is.
        std::size_t ways = 2;
        while (runs_after(count, ways, runs) > 1) {
            ++ways;
        }
        // The last pass must end where the elements were.
        address from = count % 2 == 0 ? at_ : *other;
        if (count == 1) {
            passes.keep_last();
        }
        auto done = passes.make_runs(from);
        for (; done && runs > 1; runs = runs_after(1, ways, runs)) {
            const address to = from == at_ ? *other : at_;
            done = passes.merge(from, to, stride, ways);
            if (done) {
                from = to;
                stride *= ways;
            } else if (to == at_) {
                static_cast<void>(passes.rescue(from, at_));
            }
        }
        return done;
    }

    [[nodiscard]] static std::size_t runs_after(std::size_t passes, std::size_t ways,
                                                std::size_t runs) noexcept {
        for (; passes != 0; --passes) {
            runs = (runs + ways - 1) / ways;
        }
        return runs;
    }

    /// Room for a copy of the elements, that lies to the pages as they do.
    [[nodiscard]] result<address> make_scratch() {
        constexpr std::size_t page = residency::page_size;
        const std::size_t bytes = n_ * sizeof(T);
        if (bytes > (std::numeric_limits<std::size_t>::max)() - page) {
            return failure(errc::out_of_memory);
        }
        const auto granted = heap_.template allocate<std::byte>(bytes + page);
        if (!granted) {
            return failure(granted.error());
        }
        scratch_ = *granted;
        const address start = scratch_.to_address();
        return start + ((at_ - start) & (page - 1));
    }

    void return_loan() noexcept {
        if (loan_.size != 0) {
            heap_.residency().take_back(loan_);
            loan_.size = 0;
        }
    }

    Heap& heap_;
    address at_;
    std::size_t n_;
    Less& less_;
    pinned_bytes loan_{};
    vptr<std::byte, Heap> scratch_;
};

} // namespace detail

/// Sorts the `n` elements at `p` by `less`, stably, in RAM that the frames of the heap give up for
/// the time, all but one in sixteen and at least one, and not a byte more. An external merge sort
/// (Knuth, TAOCP 3, 5.4): what the lent frames hold by half is sorted at once, and as many such
/// runs are merged as there are pages lent. A pass reads and writes each element at most once, in
/// the longest transfers there is RAM for, past the frames. Up to half of the lent RAM there is one
/// pass; up to as many times that as there are pages lent there are two, and the heap must have
/// room for a copy of the elements. With `journaled_no_steal` half of the frames at most are lent,
/// and more than one pass is no_free_frame.
///
/// Errors: null_pointer, out_of_range, misaligned, not_open; no_free_frame unless RAM for three
/// elements and some 150 bytes can be lent; those of `heap::allocate`; the storage's. Unless
/// the storage fails twice, the elements then are all there, in any order.
///
/// `less` gets elements in RAM. It must not throw, and must not pin what it does not release; what
/// it reads in virtual memory must not be the elements. No other thread may use the heap meanwhile,
/// locking<> or not. O(n log n) comparisons.
template <class T, class Heap, class Less = std::less<>>
    requires(!std::is_const_v<T> && std::predicate<Less&, const T&, const T&>)
[[nodiscard]] result<void> sort(vptr<T, Heap> p, std::size_t n, Less less = {}) {
    check_storable<T>();
    static_assert(detail::lends_frames<typename Heap::residency_type>,
                  "sort: the heap's residency has no frames to lend; use paged<>");
    if (n == 0) {
        return {};
    }
    const address at = p.to_address();
    const address most = (std::numeric_limits<address>::max)() / sizeof(T);
    if (const auto valid =
            Heap::current().residency().check(at, detail::lesser(most, n) * sizeof(T));
        !valid) {
        return valid;
    }
    if (at % alignof(T) != 0) {
        return failure(errc::misaligned);
    }
    return n < 2 ? result<void>{} : detail::sorter<T, Heap, Less>(at, n, less).run();
}

} // namespace vmem

#endif
