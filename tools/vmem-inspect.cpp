// SPDX-License-Identifier: BSL-1.0

// Says what is in an image of a vmem heap, and whether it is sound. It cannot write to it.
//
//     vmem-inspect [--svg FILE] [--checked BLOCK] IMAGE
//
// Exit status: 0 if all is sound; 1 if something is damaged; 2 if it is no image, or not one that
// this program can read.

#include "inspect/allocation.hpp"
#include "inspect/image.hpp"
#include "inspect/journal.hpp"
#include "inspect/map.hpp"
#include "inspect/objects.hpp"
#include "inspect/report.hpp"
#include "inspect/superblocks.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/stat.h>

namespace {

using namespace vmem::inspect;
using vmem::address;
using vmem::errc;
using vmem::superblock;

constexpr int sound = 0;
constexpr int damaged = 1;
constexpr int unreadable = 2;

struct options {
    const char* path = nullptr;
    const char* svg = nullptr;
    /// Of a `checked<>` storage; 0: there is none.
    std::size_t block = 0;
};

[[nodiscard]] std::optional<options> parse(std::span<char*> arguments) {
    options chosen;
    for (std::size_t n = 1; n < arguments.size(); ++n) {
        const std::string_view argument = arguments[n];
        const bool has_value = n + 1 < arguments.size();
        if (argument == "--svg" && has_value) {
            chosen.svg = arguments[++n];
        } else if (argument == "--checked" && has_value) {
            char* end = nullptr;
            chosen.block = std::strtoul(arguments[++n], &end, 10);
            if (*end != '\0' || chosen.block < 16 || (chosen.block & (chosen.block - 1)) != 0) {
                return std::nullopt;
            }
        } else if (!argument.starts_with("-") && chosen.path == nullptr) {
            chosen.path = arguments[n];
        } else {
            return std::nullopt;
        }
    }
    return chosen.path != nullptr ? std::optional(chosen) : std::nullopt;
}

/// Of virtual memory: where the allocator may begin, as `image_layout` has it.
[[nodiscard]] std::vector<address> allocator_begins(const superblock& head) {
    const bool apart = head.durability == 2 || head.data != 0 || head.second < head.page_size;
    if (apart) {
        return {head.page_size};
    }
    // There the second copy is in virtual memory; of its granularity the superblock does not speak.
    std::vector<address> places;
    for (address copy = sizeof(superblock); copy <= 4096; copy *= 2) {
        places.push_back(static_cast<address>(head.second) + copy);
    }
    return places;
}
[[nodiscard]] address allocator_end(const superblock& head) {
    const bool all =
        head.address_bits < 64 && head.size > (std::uint64_t{1} << head.address_bits) - 1;
    return static_cast<address>(all ? head.size - 1 : head.size);
}

void describe(const allocation& found, report& out) {
    out.line("allocator", "%s", found.name.c_str());
    if (found.error != errc{}) {
        out.damage("allocator: %s", vmem::message(found.error));
        return;
    }
    if (!found.consistent) {
        out.damage("allocator: its state contradicts itself");
        return;
    }
    const address free = found.stats.capacity - found.stats.in_use;
    const double scattered =
        free == 0 ? 0
                  : 100 - 100 * static_cast<double>(found.largest_free) / static_cast<double>(free);
    out.line("", "%zu blocks, %zu of %zu bytes in use",
             static_cast<std::size_t>(found.stats.blocks),
             static_cast<std::size_t>(found.stats.in_use),
             static_cast<std::size_t>(found.stats.capacity));
    if (found.one_size) {
        out.line("", "%zu bytes free, in blocks of one size", static_cast<std::size_t>(free));
    } else {
        out.line("", "%zu bytes free, the largest piece %zu: %.1f %% fragmented",
                 static_cast<std::size_t>(free), static_cast<std::size_t>(found.largest_free),
                 (std::max)(scattered, 0.0));
    }
    if (!found.complete) {
        out.damage("allocator: of %zu blocks in use, %zu can be found",
                   static_cast<std::size_t>(found.stats.blocks), found.blocks.size());
    }
    print_map(found);
}

/// A root that points to memory that nobody has is damage too.
void check_roots(const copy& newest, const allocation& found, report& out) {
    for (const vmem::root_entry& root : newest.roots) {
        const bool lies_in_a_block =
            std::any_of(found.blocks.begin(), found.blocks.end(), [&](const granted& block) {
                return root.address >= block.at && root.address < block.at + block.size;
            });
        if (root.address >= found.begin && root.address < found.end && !lies_in_a_block) {
            out.damage("root %.16s points to free memory", root.name.data());
        }
    }
}

/// The parts of the file that are not for the user's data.
[[nodiscard]] std::vector<region> regions_of(const superblock& head, const allocation* found) {
    const auto data = static_cast<address>(head.data);
    std::vector<region> regions{{"#ff7f0e", 0, data != 0 ? data : sizeof(superblock)},
                                {"#9467bd", data, data + head.page_size}};
    if (data == 0) {
        const auto second = static_cast<address>(head.second);
        regions.push_back({"#ff7f0e", second, second + sizeof(superblock)});
    }
    if (found != nullptr && found->stats.capacity != 0) {
        // An allocator keeps its state before what it manages.
        const address managed = found->end - (std::min)(found->end, found->stats.capacity);
        regions.push_back(
            {"#9467bd", data + found->begin, data + (std::max)(managed, found->begin)});
    }
    return regions;
}

[[nodiscard]] bool draw(const options& chosen, const superblock& head, const allocation* found,
                        address size) {
    struct stat image{};
    struct stat drawing{};
    if (::stat(chosen.path, &image) == 0 && ::stat(chosen.svg, &drawing) == 0 &&
        image.st_dev == drawing.st_dev && image.st_ino == drawing.st_ino) {
        std::fprintf(stderr, "vmem-inspect: %s is the image itself\n", chosen.svg);
        return false;
    }
    std::FILE* const file = std::fopen(chosen.svg, "w");
    bool drawn = false;
    if (file != nullptr) {
        drawn = write_svg(file, chosen.path, regions_of(head, found),
                          static_cast<address>(head.data), found, size);
        drawn = std::fclose(file) == 0 && drawn;
    }
    if (!drawn) {
        std::fprintf(stderr, "vmem-inspect: %s cannot be written\n", chosen.svg);
    }
    return drawn;
}

/// Why an image that has a superblock cannot be looked into any further; no errc if it can.
[[nodiscard]] errc obstacle(const superblock& head, std::size_t bytes) {
    if (head.format != vmem::media_version) {
        return head.format < vmem::media_version ? errc::version_too_old : errc::version_too_new;
    }
    if (head.data > bytes || head.size > bytes - head.data) {
        return errc::truncated;
    }
    const bool strange =
        head.page_size == 0 || head.page_size >= head.size ||
        (head.address_bits != 16 && head.address_bits != 32 && head.address_bits != 64) ||
        head.second >= bytes || head.size < 2 * sizeof(superblock);
    return strange ? errc::corrupt : errc{};
}

[[nodiscard]] int refuse(const char* path, errc code, report& out) {
    const bool damage = code == errc::corrupt || code == errc::truncated;
    if (damage) {
        out.damage("%s", vmem::message(code));
    } else {
        std::fprintf(stderr, "vmem-inspect: %s: %s\n", path, vmem::message(code));
    }
    return damage ? damaged : unreadable;
}

[[nodiscard]] int inspect(const options& chosen) {
    report out;
    const auto loaded = image::load(chosen.path, chosen.block);
    if (!loaded) {
        std::fprintf(stderr, "vmem-inspect: %s: %s\n", chosen.path, vmem::message(loaded.error()));
        return loaded.error() == errc::truncated ? damaged : unreadable;
    }
    out.line("file", "%s, %zu bytes", chosen.path, loaded->file_size());
    for (const address at : loaded->corrupt()) {
        out.damage("block at %zu does not agree with its checksum", static_cast<std::size_t>(at));
    }
    superblocks blocks(loaded->bytes());
    auto newest = blocks.newest();
    if (!newest) {
        const superblock& head = blocks[0].head;
        return refuse(
            chosen.path,
            blocks.why() == errc::corrupt && head.verify() ? obstacle(head, 0) : blocks.why(), out);
    }
    describe(blocks, *newest, out);
    if (const errc code = obstacle(blocks[*newest].head, loaded->bytes().size()); code != errc{}) {
        return refuse(chosen.path, code, out);
    }
    describe(blocks[*newest].head, out);
    if (blocks[*newest].head.durability == 2) {
        newest = take_up(loaded->bytes(), blocks, *newest, out);
        if (!newest) {
            return damaged;
        }
    }
    const superblock& head = blocks[*newest].head;
    describe_roots(blocks[*newest], out);
    const bytes_storage memory(loaded->bytes().subspan(static_cast<std::size_t>(head.data),
                                                       static_cast<std::size_t>(head.size)));
    if (head.residency == 2) {
        describe_persisted(memory, head, out);
    }
    std::optional<allocation> found;
    for (const address begin : allocator_begins(head)) {
        if (!found || found->error != errc{}) {
            auto tried = examine(head.allocator, memory, begin, allocator_end(head));
            found = !found || (tried && tried->error == errc{}) ? std::move(tried) : found;
        }
    }
    if (found) {
        describe(*found, out);
        if (found->complete) {
            check_roots(blocks[*newest], *found, out);
        }
    } else {
        out.line("allocator", "0x%08X, which this program does not know", head.allocator);
    }
    if (chosen.svg != nullptr &&
        !draw(chosen, head, found ? &*found : nullptr, loaded->bytes().size())) {
        return unreadable;
    }
    return out.damaged() != 0 ? damaged : sound;
}

} // namespace

int main(int argc, char** argv) {
    const auto chosen = parse(std::span(argv, static_cast<std::size_t>(argc)));
    if (!chosen) {
        std::fputs("usage: vmem-inspect [--svg FILE] [--checked BLOCK] IMAGE\n", stderr);
        return unreadable;
    }
    return inspect(*chosen);
}
