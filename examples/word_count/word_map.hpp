// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_EXAMPLES_WORD_COUNT_WORD_MAP_HPP
#define VMEM_EXAMPLES_WORD_COUNT_WORD_MAP_HPP

#include <vmem/vmem.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace demo {

/// A chained hash map from words to counts. Its buckets, nodes and words are in the virtual memory
/// of `Memory`; in RAM are only the members at the end of this class.
///
/// What counts is how many pages a look-up touches. So a node is in one page with its word, and the
/// nodes of one chain share pages with each other and with no other chain.
template <class Memory>
class word_map {
    template <class T>
    using pointer = vmem::vptr<T, Memory>;

public:
    /// The characters of the word follow it.
    struct node {
        pointer<node> next;
        std::uint32_t count;
        /// With it, few words are compared in vain.
        std::uint16_t hash;
        std::uint16_t length;
    };
    using entry = pointer<const node>;

    static constexpr std::size_t longest_word = 255;

    /// An empty map. Errors: out_of_memory.
    static vmem::result<word_map> make(Memory& heap) {
        // When memory is full, a chain has 16 pages.
        const auto bucket_count = static_cast<std::uint32_t>(
            (std::max)(heap.size() / Memory::residency_type::page_size / 16, vmem::address{16}));
        const auto buckets = heap.template allocate<bucket>(bucket_count);
        if (!buckets) {
            return vmem::failure(buckets.error());
        }
        vmem::fill(*buckets, bucket_count, bucket{});
        return word_map(heap, *buckets, bucket_count);
    }

    word_map(word_map&&) = default;

    /// Counts `word`, of at most `longest_word` characters, once more. Errors: out_of_memory.
    vmem::result<void> count(std::string_view word) {
        const std::uint32_t hash = hash_of(word);
        const pointer<bucket> home = bucket_for(word, hash);
        pointer<pointer<node>> link = home.member(&bucket::first);
        for (pointer<node> at = *link; at; at = *link) {
            if (matches(at, word, hash)) {
                at->count += 1;
                return {};
            }
            link = at.member(&node::next);
        }
        // New words go to the end, so that the common ones, which come early, are found early.
        return append(link, home, word, hash);
    }

    /// Calls `use(entry)` for each word.
    template <class Function>
    void for_each(Function use) const {
        const pointer<const bucket> buckets = buckets_;
        for (const std::span<const bucket> chunk : vmem::chunks(buckets, bucket_count_)) {
            for (const bucket& chain : chunk) {
                for (entry at = chain.first; at; at = at->next) {
                    use(at);
                }
            }
        }
    }

    /// A copy of the word, in RAM.
    static std::string text(entry at) {
        std::string copy(at->length, '\0');
        vmem::memcpy(copy.data(), characters(at), copy.size());
        return copy;
    }

    /// Words, each counted once.
    std::uint32_t size() const { return size_; }
    /// No part of the map is at this address or above.
    vmem::address end() const { return end_; }

private:
    /// Room for nodes: a page, less the 8 bytes that the allocator takes.
    struct page {
        std::uint32_t used = 0;
        char bytes[Memory::residency_type::page_size - 8 - sizeof(used)] = {};
    };
    struct bucket {
        pointer<node> first;
        /// Where the next node goes if it fits.
        pointer<page> last_page;
    };

    word_map(Memory& heap, pointer<bucket> buckets, std::uint32_t bucket_count)
        : heap_(&heap), buckets_(buckets), bucket_count_(bucket_count),
          end_((buckets + bucket_count).to_address()) {}

    /// FNV-1a.
    static std::uint32_t hash_of(std::string_view word) {
        std::uint32_t hash = 2166136261;
        for (const char c : word) {
            hash = (hash ^ static_cast<unsigned char>(c)) * 16777619;
        }
        return hash;
    }

    /// Few words make up most of a text, and they are short. They share a sixteenth of the buckets,
    /// whose pages then stay in RAM.
    pointer<bucket> bucket_for(std::string_view word, std::uint32_t hash) const {
        const std::uint32_t common = bucket_count_ / 16;
        return buckets_ +
               (word.size() <= 4 ? hash % common : common + hash % (bucket_count_ - common));
    }

    /// Takes a pointer to const, because reading through it leaves the page clean.
    static bool matches(entry at, std::string_view word, std::uint32_t hash) {
        return at->hash == hash >> 16 && at->length == word.size() &&
               vmem::memcmp(characters(at), word.data(), word.size()) == 0;
    }

    static pointer<const char> characters(entry at) {
        return vmem::reinterpret_pointer_cast<const char>(at + 1);
    }

    vmem::result<void> append(pointer<pointer<node>> link, pointer<bucket> home,
                              std::string_view word, std::uint32_t hash) {
        const auto room = room_for(sizeof(node) + word.size(), home);
        if (!room) {
            return vmem::failure(room.error());
        }
        const auto fresh = vmem::reinterpret_pointer_cast<node>(*room);
        *fresh = {.next = nullptr,
                  .count = 1,
                  .hash = static_cast<std::uint16_t>(hash >> 16),
                  .length = static_cast<std::uint16_t>(word.size())};
        vmem::memcpy(fresh + 1, word.data(), word.size());
        *link = fresh;
        ++size_;
        return {};
    }

    /// Aligned bytes in the page that the chain is filling, or in a new one.
    vmem::result<pointer<char>> room_for(std::size_t bytes, pointer<bucket> home) {
        bytes = (bytes + alignof(node) - 1) / alignof(node) * alignof(node);
        pointer<page> place = *home.member(&bucket::last_page);
        if (!place || place->used + bytes > sizeof(page::bytes)) {
            const auto made = heap_->template make<page>();
            if (!made) {
                return vmem::failure(made.error());
            }
            home->last_page = place = *made;
            end_ = (std::max)(end_, vmem::address{(place + 1).to_address()});
        }
        const auto room = place.member(&page::bytes) + place->used;
        place->used += static_cast<std::uint32_t>(bytes);
        return room;
    }

    Memory* heap_;
    pointer<bucket> buckets_;
    std::uint32_t bucket_count_;
    std::uint32_t size_ = 0;
    vmem::address end_;
};

} // namespace demo

#endif
