// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_MERGE_SORT_HPP
#define VMEM_DETAIL_MERGE_SORT_HPP

#include <cstddef>
#include <cstring>

/// \file
/// A stable merge sort of elements in RAM, with as much room beside them. Elements move as bytes,
/// which is as good for whatever is storable. Choices are made with arithmetic instead of branches
/// where the compiler can: nobody can predict the order of unsorted elements.
namespace vmem::detail {

/// Elements that are sorted by insertion: below it, that is faster than merging.
inline constexpr std::size_t insertion_length = 4;

template <class T>
[[gnu::always_inline]] inline void move_element(T* to, const T* from) noexcept {
    std::memcpy(static_cast<void*>(to), from, sizeof(T));
}

/// `second` if `is_second`, else `first`, which lies before it in the same array. By arithmetic:
/// from the usual expression some compilers make a branch, which is mispredicted every other time.
template <class T>
[[nodiscard, gnu::always_inline]] inline const T* choose(bool is_second, const T* first,
                                                         const T* second) noexcept {
    const std::ptrdiff_t distance = second - first;
    return first + (distance & -static_cast<std::ptrdiff_t>(is_second));
}

/// Merges the sorted halves of `from[0..n)`, of which the first is the shorter one if `n` is odd,
/// into `to[0..n)`: from both ends at the same time, because neither waits for the other, and
/// neither can reach the end of a half before `n / 2` steps (Peters, "Glidesort", 2023, has the
/// same for the same reason).
template <class T, class Less>
void merge_halves(const T* from, std::size_t n, T* to, Less& less) {
    const std::size_t half = n / 2;
    const T* left = from;
    const T* right = from + half;
    const T* left_end = right;
    const T* right_end = from + n;
    T* back = to + n;
    for (std::size_t i = half; i != 0; --i) {
        const bool right_first = less(*right, *left);
        move_element(to, choose(right_first, left, right));
        ++to;
        right += static_cast<std::ptrdiff_t>(right_first);
        left += static_cast<std::ptrdiff_t>(!right_first);
        const bool left_last = less(right_end[-1], left_end[-1]);
        --back;
        move_element(back, choose(!left_last, left_end, right_end) - 1);
        left_end -= static_cast<std::ptrdiff_t>(left_last);
        right_end -= static_cast<std::ptrdiff_t>(!left_last);
    }
    if (n % 2 != 0) {
        move_element(to, left < left_end ? left : right);
    }
}

/// Sorts `from[0..n)` into `to[0..n)`, which may be the same, by insertion.
template <class T, class Less>
void insertion_sort(const T* from, std::size_t n, T* to, Less& less) {
    alignas(T) std::byte room[sizeof(T)];
    T* const next = reinterpret_cast<T*>(room);
    for (std::size_t i = 0; i < n; ++i) {
        move_element(next, from + i);
        std::size_t place = i;
        while (place != 0 && less(*next, to[place - 1])) {
            move_element(to + place, to + place - 1);
            --place;
        }
        move_element(to + place, next);
    }
}

/// Sorts the `n` elements at `elements`; they end up in `room` if `into_room`. O(n log n)
/// comparisons; the recursion is as deep as the logarithm of `n`.
template <class T, class Less>
void merge_sort(T* elements, T* room, std::size_t n, bool into_room, Less& less) {
    if (n <= insertion_length) {
        insertion_sort(elements, n, into_room ? room : elements, less);
        return;
    }
    const std::size_t half = n / 2;
    merge_sort(elements, room, half, !into_room, less);
    merge_sort(elements + half, room + half, n - half, !into_room, less);
    if (into_room) {
        merge_halves(elements, n, room, less);
    } else {
        merge_halves(room, n, elements, less);
    }
}

} // namespace vmem::detail

#endif
