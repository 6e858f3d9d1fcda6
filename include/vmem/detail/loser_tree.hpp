// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_LOSER_TREE_HPP
#define VMEM_DETAIL_LOSER_TREE_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <type_traits>

namespace vmem::detail {

/// Of several ways, each of which shows its first element, the one whose element comes first
/// (Knuth, TAOCP 3, 5.4.1, "tree of losers"): one comparison per level for each element that is
/// taken. Elements that are equal come in the order of their ways.
///
/// RAM: a `node` per way, which the user supplies. Small elements are kept in the nodes: where the
/// next comparison is to be made does then not depend on the last one, only what is compared.
template <class T, class Less>
class loser_tree {
    /// Of the others the address is kept.
    static constexpr bool keeps_elements =
        sizeof(T) <= sizeof(std::uint64_t) && std::is_trivially_copyable_v<T> &&
        (std::has_unique_object_representations_v<T> || std::is_floating_point_v<T>);
    /// Then their order does not matter.
    static constexpr bool ties_are_alike =
        std::is_integral_v<T> &&
        (std::is_same_v<Less, std::less<>> || std::is_same_v<Less, std::less<T>> ||
         std::is_same_v<Less, std::greater<>> || std::is_same_v<Less, std::greater<T>>);
    using word = std::conditional_t<keeps_elements && (sizeof(T) > sizeof(std::uintptr_t)),
                                    std::uint64_t, std::uintptr_t>;

public:
    struct node {
        /// The element, or its address.
        word first;
        std::size_t way;
    };

    /// `nodes` is room for as many as there will be ways.
    loser_tree(node* nodes, Less& less) noexcept : nodes_(nodes), less_(less) {}

    /// Starts with `ways` ways, at least one, of which `first_of(way)` is the first element.
    /// O(ways).
    template <class FirstOf>
    void build(std::size_t ways, FirstOf first_of) {
        ways_ = ways;
        winner_ = play(1, first_of);
    }

    /// The way that has the first of all.
    [[nodiscard]] std::size_t way() const noexcept { return winner_.way; }

    /// The way that was first shows `next` now.
    [[gnu::always_inline]] void replace(const T* next) {
        node rising{word_of(next), winner_.way};
        for (std::size_t at = (ways_ + winner_.way) / 2; at != 0; at /= 2) {
            node& loser = nodes_[at];
            swap_if(comes_before(loser, rising), loser, rising);
        }
        winner_ = rising;
    }

private:
    [[nodiscard]] static word word_of(const T* element) noexcept {
        if constexpr (keeps_elements) {
            word kept = 0;
            std::memcpy(&kept, element, sizeof(T));
            return kept;
        } else {
            return reinterpret_cast<std::uintptr_t>(element);
        }
    }

    /// Nobody can predict which of two elements comes first, so there is no branch here and in
    /// `swap_if`, for elements that are compared at once.
    [[nodiscard, gnu::always_inline]] bool comes_before(const node& a, const node& b) const {
        if constexpr (keeps_elements) {
            alignas(T) std::byte kept[2][sizeof(T)];
            std::memcpy(kept[0], &a.first, sizeof(T));
            std::memcpy(kept[1], &b.first, sizeof(T));
            const T& first = *reinterpret_cast<const T*>(kept[0]);
            const T& second = *reinterpret_cast<const T*>(kept[1]);
            if constexpr (ties_are_alike) {
                return less_(first, second);
            } else {
                const auto wins = static_cast<unsigned>(less_(first, second));
                const auto loses = static_cast<unsigned>(less_(second, first));
                return (wins | (~loses & static_cast<unsigned>(a.way < b.way))) != 0;
            }
        } else {
            // Whether a tie would be won decides who is asked: one comparison.
            const T& first = *reinterpret_cast<const T*>(a.first);
            const T& second = *reinterpret_cast<const T*>(b.first);
            return a.way < b.way ? !less_(second, first) : less_(first, second);
        }
    }
    [[gnu::always_inline]] static void swap_if(bool condition, node& a, node& b) noexcept {
        const word first = (a.first ^ b.first) & (word{0} - static_cast<word>(condition));
        const std::size_t way = (a.way ^ b.way) & (std::size_t{0} - std::size_t{condition});
        a = {.first = a.first ^ first, .way = a.way ^ way};
        b = {.first = b.first ^ first, .way = b.way ^ way};
    }

    /// The winner of the part of the tree below `at`; its losers are in their places then.
    template <class FirstOf>
    [[nodiscard]] node play(std::size_t at, FirstOf first_of) {
        if (at >= ways_) {
            return {.first = word_of(first_of(at - ways_)), .way = at - ways_};
        }
        node winner = play(2 * at, first_of);
        nodes_[at] = play(2 * at + 1, first_of);
        swap_if(comes_before(nodes_[at], winner), nodes_[at], winner);
        return winner;
    }

    node* nodes_;
    Less& less_;
    std::size_t ways_ = 0;
    node winner_{};
};

} // namespace vmem::detail

#endif
