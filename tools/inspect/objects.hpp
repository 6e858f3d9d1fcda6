// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TOOLS_INSPECT_OBJECTS_HPP
#define VMEM_TOOLS_INSPECT_OBJECTS_HPP

#include "image.hpp"
#include "report.hpp"

#include <vmem/config.hpp>
#include <vmem/persist/image.hpp>
#include <vmem/persist/superblock.hpp>

#include <cinttypes>
#include <cstdint>
#include <cstring>
#include <vector>

namespace vmem::inspect {

/// Says what a persist has left for the next start of a heap of objects: it is in one of two places
/// in what no address reaches. One that is not whole was cut short, and the other one counts.
inline void describe_persisted(bytes_storage memory, const superblock& head, report& out) {
    std::vector<image_header> whole;
    std::size_t torn = 0;
    constexpr address step = 64;
    for (address at = 0; at + step <= head.page_size; at += step) {
        std::uint64_t magic = 0;
        std::memcpy(&magic, memory.bytes().data() + at, sizeof(magic));
        if (magic != image_header::magic_number) {
            continue;
        }
        const auto found = verified_image(memory, at, head.page_size - at);
        if (found && found->magic == magic) {
            whole.push_back(*found);
        } else {
            ++torn;
        }
    }
    const image_header* newest = nullptr;
    for (const image_header& one : whole) {
        newest = newest == nullptr || one.sequence > newest->sequence ? &one : newest;
    }
    if (newest == nullptr) {
        out.line("persisted", "nothing");
    } else if (newest->objects == 0) {
        out.line("persisted", "nothing that is not at home; number %" PRIu64, newest->sequence);
    } else {
        out.line("persisted",
                 "%u objects in %" PRIu64 " bytes, to be brought home; number %" PRIu64,
                 newest->objects, newest->size, newest->sequence);
    }
    if (torn != 0) {
        out.line("", "another persist was cut short");
    }
}

} // namespace vmem::inspect

#endif
