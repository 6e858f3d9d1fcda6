// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_SLOT_QUEUES_HPP
#define VMEM_DETAIL_SLOT_QUEUES_HPP

#include <vmem/config.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>

/// \file
/// What policies with more than one queue are made of. Empty is all zero bytes, so that a static
/// policy lies in .bss.
namespace vmem::detail {

/// Some doubly linked lists over the nodes `0..Nodes-1`, each node in one of them or in none. A
/// node is a slot, or what a policy remembers of one that has left.
///
/// RAM: two indices and one byte per node, three indices per queue; indices have one byte up to 255
/// nodes and two up to 65535. All operations but `find_from_back` are O(1).
template <std::size_t Nodes, std::size_t Queues>
class slot_queues {
    static_assert(Nodes >= 1 && Queues >= 1 && Queues < 255);

public:
    /// What is returned where there is no node.
    static constexpr std::size_t none = Nodes;

    /// Precondition: `node` is in no queue.
    constexpr void push_front(std::size_t queue, std::size_t node) noexcept {
        ends& of = ends_[queue];
        links_[node] = {.toward_front = 0, .toward_back = of.front};
        toward_front_of(of.front, of) = link_to(node);
        of.front = link_to(node);
        ++of.size;
        queue_of_[node] = static_cast<std::uint8_t>(queue + 1);
    }

    /// Precondition: `node` is in a queue.
    constexpr void erase(std::size_t node) noexcept {
        ends& of = ends_[queue_of(node)];
        const links here = links_[node];
        toward_back_of(here.toward_front, of) = here.toward_back;
        toward_front_of(here.toward_back, of) = here.toward_front;
        --of.size;
        queue_of_[node] = 0;
    }

    /// Precondition: `node` is in a queue. One comparison where it is in front of `queue` already.
    constexpr void move_to_front(std::size_t queue, std::size_t node) noexcept {
        if (ends_[queue].front != link_to(node)) {
            erase(node);
            push_front(queue, node);
        }
    }

    /// Puts `fresh`, which is in no queue, in the place of `node`, which then is in none.
    constexpr void replace(std::size_t node, std::size_t fresh) noexcept {
        ends& of = ends_[queue_of(node)];
        links_[fresh] = links_[node];
        toward_back_of(links_[node].toward_front, of) = link_to(fresh);
        toward_front_of(links_[node].toward_back, of) = link_to(fresh);
        queue_of_[fresh] = queue_of_[node];
        queue_of_[node] = 0;
    }

    /// The queue that `node` is in, or `Queues`.
    [[nodiscard]] constexpr std::size_t queue_of(std::size_t node) const noexcept {
        return queue_of_[node] == 0 ? Queues : queue_of_[node] - std::size_t{1};
    }
    [[nodiscard]] constexpr std::size_t size(std::size_t queue) const noexcept {
        return ends_[queue].size;
    }
    [[nodiscard]] constexpr std::size_t front(std::size_t queue) const noexcept {
        return node_at(ends_[queue].front);
    }
    [[nodiscard]] constexpr std::size_t back(std::size_t queue) const noexcept {
        return node_at(ends_[queue].back);
    }
    /// Precondition: `node` is in a queue.
    [[nodiscard]] constexpr std::size_t toward_front(std::size_t node) const noexcept {
        return node_at(links_[node].toward_front);
    }

    /// The node of `queue` nearest to its back for which `wanted(node)` is true, or `none`.
    /// O(Nodes).
    template <std::predicate<std::size_t> Wanted>
    [[nodiscard]] constexpr std::size_t find_from_back(std::size_t queue,
                                                       Wanted wanted) const noexcept {
        std::size_t node = back(queue);
        while (node != none && !wanted(node)) {
            node = toward_front(node);
        }
        return node;
    }

private:
    /// One more than a node, or 0 for none.
    using link = smallest_uint<Nodes>;
    struct links {
        link toward_front;
        link toward_back;
    };
    struct ends {
        link front;
        link back;
        link size;
    };

    [[nodiscard]] static constexpr link link_to(std::size_t node) noexcept {
        return static_cast<link>(node + 1);
    }
    [[nodiscard]] static constexpr std::size_t node_at(link to) noexcept {
        return to == 0 ? none : to - std::size_t{1};
    }
    /// The link that leads towards the front from there, or to the back of the queue from outside.
    [[nodiscard]] constexpr link& toward_front_of(link to, ends& of) noexcept {
        return to == 0 ? of.back : links_[node_at(to)].toward_front;
    }
    [[nodiscard]] constexpr link& toward_back_of(link to, ends& of) noexcept {
        return to == 0 ? of.front : links_[node_at(to)].toward_back;
    }

    std::array<links, Nodes> links_{};
    std::array<ends, Queues> ends_{};
    std::array<std::uint8_t, Nodes> queue_of_{};
};

} // namespace vmem::detail

#endif
