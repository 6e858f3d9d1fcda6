// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_POWERLOSS_WORKLOADS_HPP
#define VMEM_TEST_POWERLOSS_WORKLOADS_HPP

#include <vmem/container/list.hpp>
#include <vmem/container/queue.hpp>
#include <vmem/vptr.hpp>

#include "powerloss/disk.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

/// \file
/// What programs do to a heap, each with a model of what the heap must hold. A workload is a value:
/// a copy of it is the state at that moment. `begin` makes what `step` changes a little; `expected`
/// is what `found` must read from a heap with the same past.
namespace vmem::powerloss {

using state = std::vector<std::uint32_t>;

/// Where all workloads start; kept under the name "root".
template <class T, class Heap>
[[nodiscard]] vptr<T, Heap> rooted(Heap& heap) {
    return heap.template root<T>("root").value();
}

/// Blocks of many sizes come, change and go.
template <class Heap>
class churn {
public:
    static constexpr const char* name = "churn";

    void begin(Heap& heap) {
        const auto made = heap.template allocate<entry>(blocks).value();
        for (std::size_t n = 0; n < blocks; ++n) {
            made[static_cast<std::ptrdiff_t>(n)] = entry{};
        }
        heap.set_root("root", made).value();
    }
    void step(Heap& heap, random_engine& random) {
        const std::size_t n = random() % blocks;
        const auto place = rooted<entry>(heap) + static_cast<std::ptrdiff_t>(n);
        const entry now = *place;
        if (sizes_[n] != 0 && random() % 3 != 0) {
            heap.deallocate(now.where).value();
            *place = entry{};
            sizes_[n] = 0;
            return;
        }
        if (sizes_[n] != 0) {
            seeds_[n] = static_cast<std::uint32_t>(random());
            fill(now.where, n);
            return;
        }
        const auto size = static_cast<std::uint32_t>(1 + random() % 12 + random() % 2 * 30);
        if (const auto block = heap.template allocate<std::uint32_t>(size); block) {
            sizes_[n] = size;
            seeds_[n] = static_cast<std::uint32_t>(random());
            fill(*block, n);
            *place = entry{.where = *block, .size = size};
        }
    }
    [[nodiscard]] state expected() const {
        state all;
        for (std::size_t n = 0; n < blocks; ++n) {
            all.push_back(sizes_[n]);
            for (std::uint32_t i = 0; i < sizes_[n]; ++i) {
                all.push_back(seeds_[n] + i);
            }
        }
        return all;
    }
    [[nodiscard]] static state found(Heap& heap) {
        state all;
        const auto root = rooted<entry>(heap);
        for (std::size_t n = 0; n < blocks; ++n) {
            const entry one = root[static_cast<std::ptrdiff_t>(n)];
            all.push_back(one.size);
            for (std::uint32_t i = 0; i < one.size && i < 100; ++i) {
                all.push_back(one.where[i]);
            }
        }
        return all;
    }

private:
    static constexpr std::size_t blocks = 14;
    struct entry {
        vptr<std::uint32_t, Heap> where;
        std::uint32_t size = 0;
    };

    void fill(vptr<std::uint32_t, Heap> where, std::size_t n) {
        for (std::uint32_t i = 0; i < sizes_[n]; ++i) {
            where[i] = seeds_[n] + i;
        }
    }

    std::array<std::uint32_t, blocks> sizes_{};
    std::array<std::uint32_t, blocks> seeds_{};
};

/// Words are counted in a chained hash map.
template <class Heap>
class word_count {
public:
    static constexpr const char* name = "words";

    void begin(Heap& heap) {
        const auto made = heap.template allocate<pointer>(buckets).value();
        for (std::size_t n = 0; n < buckets; ++n) {
            made[static_cast<std::ptrdiff_t>(n)] = pointer{};
        }
        heap.set_root("root", made).value();
    }
    void step(Heap& heap, random_engine& random) {
        const auto word = static_cast<std::uint32_t>((std::min)(random() % 60, random() % 60));
        auto link = rooted<pointer>(heap) + word % buckets;
        for (pointer at = *link; at; at = *link) {
            if (at->word == word) {
                at->count += 1;
                ++counts_[word];
                return;
            }
            link = at.member(&node::next);
        }
        const auto made = heap.template make<node>(
            node{.next = {}, .word = word, .count = 1, .text = text(word)});
        if (made) {
            *link = *made;
            counts_[word] = 1;
        }
    }
    [[nodiscard]] state expected() const {
        state all;
        for (const auto& [word, count] : counts_) {
            all.insert(all.end(), {word, count, text(word)[3]});
        }
        return all;
    }
    [[nodiscard]] static state found(Heap& heap) {
        std::map<std::uint32_t, node> sorted;
        const auto root = rooted<pointer>(heap);
        for (std::size_t n = 0; n < buckets; ++n) {
            std::size_t length = 0;
            for (pointer at = root[static_cast<std::ptrdiff_t>(n)]; at && length < 100; ++length) {
                const node copy = *at;
                sorted[copy.word] = copy;
                at = copy.next;
            }
        }
        state all;
        for (const auto& [word, one] : sorted) {
            all.insert(all.end(), {word, one.count, one.text[3]});
        }
        return all;
    }

private:
    static constexpr std::size_t buckets = 16;
    struct node;
    using pointer = vptr<node, Heap>;
    using letters = std::array<std::uint32_t, 6>;
    struct node {
        pointer next;
        std::uint32_t word = 0;
        std::uint32_t count = 0;
        letters text{};
    };

    [[nodiscard]] static letters text(std::uint32_t word) {
        letters all{};
        all.fill(word * 0x01010101U);
        return all;
    }

    std::map<std::uint32_t, std::uint32_t> counts_;
};

/// A list and a queue, whose handles lie in virtual memory.
template <class Heap>
class lists {
public:
    static constexpr const char* name = "lists";

    void begin(Heap& heap) {
        handles fresh;
        fresh.ring = fifo::make(24).value().release();
        heap.set_root("root", heap.template make<handles>(fresh).value()).value();
    }
    void step(Heap& heap, random_engine& random) {
        const auto root = rooted<handles>(heap);
        const auto value = static_cast<std::uint32_t>(random());
        const handles now = *root;
        if (random() % 2 == 0) {
            chain elements(now.elements);
            if (random() % 5 < 3) {
                if (elements.push_back(value)) {
                    elements_.push_back(value);
                }
            } else if (elements.pop_front()) {
                elements_.pop_front();
            }
            root->elements = elements.release();
        } else {
            fifo ring(now.ring);
            if (random() % 5 < 3) {
                if (ring.push(value)) {
                    ring_.push_back(value);
                }
            } else if (ring.pop()) {
                ring_.pop_front();
            }
            root->ring = ring.release();
        }
    }
    [[nodiscard]] state expected() const {
        state all{static_cast<std::uint32_t>(elements_.size())};
        all.insert(all.end(), elements_.begin(), elements_.end());
        all.insert(all.end(), ring_.begin(), ring_.end());
        return all;
    }
    [[nodiscard]] static state found(Heap& heap) {
        const handles now = *rooted<handles>(heap);
        chain elements(now.elements);
        state all{static_cast<std::uint32_t>(elements.size())};
        for (const std::uint32_t value : elements) {
            all.push_back(value);
            if (all.size() > 1000) {
                break;
            }
        }
        static_cast<void>(elements.release());
        for (std::uint32_t n = 0; n < now.ring.size && n < 1000; ++n) {
            all.push_back(*(now.ring.ring + (now.ring.head + n) % now.ring.capacity));
        }
        return all;
    }

private:
    using chain = list<std::uint32_t, Heap>;
    using fifo = queue<std::uint32_t, Heap>;
    struct handles {
        typename chain::state elements;
        typename fifo::state ring;
    };

    std::deque<std::uint32_t> elements_;
    std::deque<std::uint32_t> ring_;
};

/// A sorted array, into which numbers are inserted; when it is full a larger one takes its place.
template <class Heap>
class sorted {
public:
    static constexpr const char* name = "sorted";

    void begin(Heap& heap) {
        const auto numbers = heap.template allocate<std::uint32_t>(4).value();
        const array fresh{.numbers = numbers, .size = 0, .capacity = 4};
        heap.set_root("root", heap.template make<array>(fresh).value()).value();
    }
    void step(Heap& heap, random_engine& random) {
        const auto root = rooted<array>(heap);
        array now = *root;
        if (now.size >= 300) {
            now.size = 0;
            numbers_.clear();
        }
        if (now.size == now.capacity) {
            const auto larger = heap.template allocate<std::uint32_t>(now.capacity * 2);
            if (!larger) {
                return;
            }
            for (std::uint32_t n = 0; n < now.size; ++n) {
                (*larger)[n] = now.numbers[n];
            }
            heap.deallocate(now.numbers).value();
            now.numbers = *larger;
            now.capacity *= 2;
        }
        const auto value = static_cast<std::uint32_t>(random());
        std::uint32_t at = now.size;
        for (; at > 0 && now.numbers[at - 1] > value; --at) {
            now.numbers[at] = now.numbers[at - 1];
        }
        now.numbers[at] = value;
        ++now.size;
        *root = now;
        numbers_.insert(std::ranges::upper_bound(numbers_, value), value);
    }
    [[nodiscard]] state expected() const { return numbers_; }
    [[nodiscard]] static state found(Heap& heap) {
        const array now = *rooted<array>(heap);
        state all;
        for (std::uint32_t n = 0; n < now.size && n < 1000; ++n) {
            all.push_back(now.numbers[n]);
        }
        return all;
    }

private:
    struct array {
        vptr<std::uint32_t, Heap> numbers;
        std::uint32_t size = 0;
        std::uint32_t capacity = 0;
    };

    state numbers_;
};

/// Roots are set, replaced and removed, and what they pointed to with them.
template <class Heap>
class roots {
public:
    static constexpr const char* name = "roots";

    void begin(Heap&) {}
    void step(Heap& heap, random_engine& random) {
        const std::size_t n = random() % names.size();
        const auto value = static_cast<std::uint32_t>(random() | 1);
        const auto old = heap.template root<std::uint32_t>(names[n]).value();
        if (random() % 4 == 0) {
            heap.set_root(names[n], nullptr).value();
            values_[n] = 0;
        } else {
            const auto made = heap.template make<std::uint32_t>(value);
            if (!made) {
                return;
            }
            heap.set_root(names[n], *made).value();
            values_[n] = value;
        }
        heap.deallocate(old).value();
    }
    [[nodiscard]] state expected() const { return {values_.begin(), values_.end()}; }
    [[nodiscard]] static state found(Heap& heap) {
        state all;
        for (const char* wanted : names) {
            const auto p = heap.template root<std::uint32_t>(wanted).value();
            all.push_back(p ? std::uint32_t{*p} : 0);
        }
        return all;
    }

private:
    static constexpr std::array<const char*, 4> names{"a", "second", "third root",
                                                      "sixteen letters!"};

    std::array<std::uint32_t, 4> values_{};
};

} // namespace vmem::powerloss

#endif
