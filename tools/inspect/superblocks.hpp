// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TOOLS_INSPECT_SUPERBLOCKS_HPP
#define VMEM_TOOLS_INSPECT_SUPERBLOCKS_HPP

#include "image.hpp"
#include "report.hpp"

#include <vmem/config.hpp>
#include <vmem/persist/crc32c.hpp>
#include <vmem/persist/superblock.hpp>
#include <vmem/result.hpp>

#include <cinttypes>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

namespace vmem::inspect {

/// A place where a superblock is, or should be.
struct copy {
    superblock head;
    address at = 0;
    /// Whether its own checksum agrees, and that of its roots.
    bool valid = false;
    std::vector<root_entry> roots{};
};

/// Both copies; the second one is looked for if the first does not tell where it is.
class superblocks {
public:
    explicit superblocks(std::span<const std::byte> bytes) : bytes_(bytes) {
        copies_[0] = read(0);
        if (copies_[0].valid) {
            copies_[1] = read(static_cast<address>(copies_[0].head.second));
        } else {
            // It starts at a multiple of its own granularity, which divides all others.
            constexpr std::size_t step = 32;
            for (address at = step; at < bytes.size() && !copies_[1].valid; at += step) {
                copy found = read(at);
                if (found.valid && found.head.second == at) {
                    copies_[1] = found;
                }
            }
        }
    }

    /// The two, in the order of their addresses.
    [[nodiscard]] copy& operator[](std::size_t n) noexcept { return copies_[n]; }
    /// The index of the valid one with the highest number; nothing if none is.
    [[nodiscard]] std::optional<std::size_t> newest() const noexcept {
        if (!copies_[0].valid && !copies_[1].valid) {
            return std::nullopt;
        }
        return copies_[1].valid &&
                       (!copies_[0].valid || copies_[1].head.sequence > copies_[0].head.sequence)
                   ? 1
                   : 0;
    }
    /// Why there is none.
    [[nodiscard]] errc why() const noexcept {
        const auto verified = copies_[0].head.verify();
        return verified ? errc::corrupt : verified.error();
    }

private:
    [[nodiscard]] copy read(address at) const {
        copy found;
        found.at = at;
        if (at > bytes_.size() || bytes_.size() - at < sizeof(superblock)) {
            found.head.magic = 0;
            return found;
        }
        std::memcpy(&found.head, bytes_.data() + at, sizeof(superblock));
        if (!found.head.verify() || found.head.format != media_version) {
            return found;
        }
        const std::size_t room = (bytes_.size() - at - sizeof(superblock)) / sizeof(root_entry);
        if (found.head.roots > room) {
            return found;
        }
        found.roots.resize(found.head.roots);
        const auto roots = std::as_writable_bytes(std::span(found.roots));
        if (!roots.empty()) {
            std::memcpy(roots.data(), bytes_.data() + at + sizeof(superblock), roots.size());
        }
        found.valid = crc32c(roots) == found.head.roots_crc;
        return found;
    }

    std::span<const std::byte> bytes_;
    copy copies_[2];
};

/// Whether a single flipped bit is all that is wrong with some bytes that end with their CRC, or
/// have it elsewhere.
template <class Agrees>
[[nodiscard]] bool is_one_bit_off(std::span<std::byte> bytes, Agrees agrees) {
    for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
        const auto mask = static_cast<std::byte>(1U << bit % 8);
        bytes[bit / 8] ^= mask;
        const bool found = agrees();
        bytes[bit / 8] ^= mask;
        if (found) {
            return true;
        }
    }
    return false;
}

/// Whether a copy that is not valid is one that was being replaced when the power went, which is no
/// damage: its number comes next, and more is wrong with it than a bit.
[[nodiscard]] inline bool is_unfinished(copy one, std::uint64_t newest) {
    if (one.head.magic != superblock::magic_number || one.head.sequence != newest + 1) {
        return false;
    }
    if (one.head.verify()) {
        return !is_one_bit_off(std::as_writable_bytes(std::span(one.roots)), [&] {
            return crc32c(std::as_bytes(std::span(one.roots))) == one.head.roots_crc;
        });
    }
    return !is_one_bit_off(std::as_writable_bytes(std::span(&one.head, 1)),
                           [&] { return one.head.verify().has_value(); });
}

/// Says what there is, and what is damaged.
inline void describe(superblocks& blocks, std::size_t newest, report& out) {
    const superblock& head = blocks[newest].head;
    for (std::size_t n = 0; n < 2; ++n) {
        const copy& one = blocks[n];
        if (one.valid) {
            out.line(n == 0 ? "superblock" : "", "copy %zu at %zu: number %" PRIu64 "%s", n,
                     static_cast<std::size_t>(one.at), one.head.sequence,
                     n == newest ? ", the newest" : "");
        } else if (is_unfinished(one, head.sequence)) {
            out.line(n == 0 ? "superblock" : "",
                     "copy %zu at %zu: number %" PRIu64 " was being written when the power went", n,
                     static_cast<std::size_t>(one.at), one.head.sequence);
        } else {
            out.damage("superblock copy %zu at %zu is damaged; copy %zu is in use", n,
                       static_cast<std::size_t>(n == 0 ? 0 : head.second), newest);
        }
    }
}

/// Whether a journal holds no blocks that left RAM before their commit. Precondition: there is one.
[[nodiscard]] inline bool keeps_changes(const superblock& head) {
    return head.block == 0;
}

/// Names what the numbers in a superblock mean.
inline void describe(const superblock& head, report& out) {
    out.line("memory",
             "%" PRIu64 " bytes at %" PRIu64 ", the first %u reserved; addresses of %u "
             "bits; kept as %s",
             head.size, head.data, head.page_size, head.address_bits,
             head.residency == 2 ? "objects" : "pages");
    const char* const durability = head.durability == 2 && keeps_changes(head)
                                       ? "journaled_no_steal"
                                   : head.durability == 2 ? "journaled"
                                   : head.durability == 1 ? "on_persist"
                                                          : "none";
    out.line("durability", "%s", durability);
}

inline void describe_roots(const copy& newest, report& out) {
    const char* name = "roots";
    for (const root_entry& root : newest.roots) {
        if (root.address == 0) {
            continue;
        }
        char text[root_entry::name_size + 1] = {};
        for (std::size_t n = 0; n < root_entry::name_size && root.name[n] != '\0'; ++n) {
            const char c = root.name[n];
            text[n] = c > ' ' && c < 127 ? c : '?';
        }
        out.line(name, "%-16s at %" PRIu64 ", %u bytes, tag 0x%08X", text, root.address, root.size,
                 root.tag);
        name = "";
        if (root.address < newest.head.page_size || root.address > newest.head.size ||
            root.size > newest.head.size - root.address) {
            out.damage("root %s points outside of the memory", text);
        }
    }
    if (*name != '\0' && newest.head.roots != 0) {
        out.line(name, "none of %u is set", newest.head.roots);
    }
}

} // namespace vmem::inspect

#endif
