// SPDX-License-Identifier: BSL-1.0

// Counts the words of a text. What it knows of them is in virtual memory, over a file; 4 KiB of
// that are in RAM at a time. docs/word_count.md is a tour.

#include <vmem/vmem.hpp>

#include "word_count/fail.hpp"
#include "word_count/options.hpp"
#include "word_count/page_map.hpp"
#include "word_count/text.hpp"
#include "word_count/word_map.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include <unistd.h>

namespace {

using namespace demo;

/// Called where no error can be returned: by `*p`, `p->x` and `p[i]`.
struct fail_on_fault {
    [[noreturn]] void operator()(vmem::fault_info fault) const noexcept {
        fail("virtual memory", vmem::message(fault.code));
    }
};

using memory = vmem::heap<vmem::file_storage,                      // where do the bytes live?
                          vmem::paged<512, 8, vmem::sieve>,        // which of them are in RAM?
                          vmem::nonresident_linked_list_allocator, // who hands out addresses?
                          vmem::statistics<true>, vmem::on_fault<fail_on_fault>>;
using map_type = word_map<memory>;
using entry = map_type::entry;

// --- Counting -----------------------------------------------------------------------------------

/// The same in RAM, for `--check`.
using reference_map = std::unordered_map<std::string, std::uint32_t>;

/// Counts all words of the texts; returns how many there are.
std::uint64_t count_words(const options& asked, map_type& map, reference_map& reference) {
    std::uint64_t words = 0;
    const auto count = [&](std::string_view word) {
        if (const auto counted = map.count(word); !counted) {
            const bool full = counted.error() == vmem::errc::out_of_memory;
            fail("virtual memory after " + std::to_string(words) + " words",
                 std::string(vmem::message(counted.error())) + (full ? "; see --memory" : ""));
        }
        if (asked.check) {
            ++reference[std::string(word)];
        }
        show_progress(++words);
    };
    for (const std::string& text : asked.texts) {
        if (const auto problem = for_each_word<map_type::longest_word>(text, count);
            !problem.empty()) {
            fail(text, problem);
        }
    }
    if (words == 0) {
        fail(asked.texts.front(), "has no words");
    }
    clear_progress();
    return words;
}

// --- The ten most frequent words ----------------------------------------------------------------

bool more_frequent(entry a, entry b) {
    const std::uint32_t count_a = a->count;
    const std::uint32_t count_b = b->count;
    return count_a != count_b ? count_a > count_b : map_type::text(a) < map_type::text(b);
}

/// The first `size` are taken, the most frequent one first.
struct top_ten {
    entry words[10];
    std::uint32_t size = 0;

    void offer(entry word) {
        if (size < std::size(words)) {
            words[size++] = word;
        } else if (more_frequent(word, words[size - 1])) {
            words[size - 1] = word;
        } else {
            return;
        }
        std::ranges::sort(std::span(words, size), more_frequent);
    }
};

void print_top_ten(const map_type& map, top_ten& list) {
    map.for_each([&](entry word) { list.offer(word); });
    for (const entry word : std::span(list.words, list.size)) {
        std::printf("%9ju  %s\n", std::uintmax_t{word->count}, map_type::text(word).c_str());
    }
}

// --- The report ---------------------------------------------------------------------------------

void print_figures(memory& heap, const map_type& map, std::uint64_t words) {
    using residency = memory::residency_type;
    const auto paging = heap.residency().statistics();
    const auto used = must(heap.allocation(), "allocator").in_use;
    const auto row = [](const char* name, std::uint64_t number, const char* unit) {
        std::printf("%-15s %9ju %s", name, std::uintmax_t{number}, unit);
    };
    const auto share = [](std::uint64_t part, std::uint64_t whole) {
        return static_cast<double>(part) / static_cast<double>(whole);
    };
    row("Words", words, "");
    std::printf("       %u of them different\n", map.size());
    row("RAM", sizeof(heap), "bytes");
    std::printf("  %zu pages of %zu, and what is known of them\n", residency::frame_count,
                residency::page_size);
    row("Virtual memory", heap.size(), "bytes");
    std::printf("  %ju of them in use\n", std::uintmax_t{used});
    row("Read", paging.bytes_read, "bytes");
    std::printf("  %ju page-ins, %.2f a word\n", std::uintmax_t{paging.page_ins},
                share(paging.page_ins, words));
    row("Written", paging.bytes_written, "bytes");
    std::printf("  %ju write-backs, %.2f a word\n", std::uintmax_t{paging.write_backs},
                share(paging.write_backs, words));
    std::printf("%-15s %9.2f %%      of %ju look-ups of an address\n\n", "Hit rate",
                100 - 100 * share(paging.page_ins, paging.accesses),
                std::uintmax_t{paging.accesses});
}

/// Whether the map holds what `reference` holds, and no block of memory is damaged; prints that.
bool check(memory& heap, const map_type& map, const reference_map& reference) {
    std::uint32_t different = 0;
    map.for_each([&](entry word) {
        const auto found = reference.find(map_type::text(word));
        different += found == reference.end() || found->second != word->count ? 1u : 0u;
    });
    if (different != 0 || map.size() != reference.size()) {
        std::printf("\nCheck FAILED: std::unordered_map has %zu words; of these %u, %u differ\n",
                    reference.size(), map.size(), different);
        return false;
    }
    if (!must(heap.invariants_hold(), "allocator")) {
        std::printf("\nCheck FAILED: the allocator's blocks are damaged\n");
        return false;
    }
    std::printf("\nCheck: std::unordered_map has the same words and counts\n");
    return true;
}

} // namespace

int main(int argc, char** argv) {
    const options asked = parse(std::span(argv, static_cast<std::size_t>(argc)));
    const vmem::address bytes = asked.memory != 0 ? asked.memory : bytes_for(asked.texts);
    const std::string size = std::to_string(bytes) + " bytes of virtual memory";

    memory heap{open_store(asked.store, bytes)};
    must(heap.format(), size);
    map_type map = must(map_type::make(heap), size);
    const auto top = must(heap.make<top_ten>(), size);

    reference_map reference;
    const std::uint64_t words = count_words(asked, map, reference);
    print_figures(heap, map, words);

    const auto list = must(top.write(), "list of words"); // pinned from here on
    print_page_map(heap, map.end(), ::isatty(STDOUT_FILENO) != 0);
    std::printf("\nMost frequent in %s%s\n", asked.texts.front().c_str(),
                asked.texts.size() > 1 ? " and the others" : "");
    print_top_ten(map, *list);
    const bool good = !asked.check || check(heap, map, reference);
    must(heap.flush(), "virtual memory");
    return good ? 0 : 1;
}
