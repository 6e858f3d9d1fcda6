// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_ROOT_TABLE_HPP
#define VMEM_DETAIL_ROOT_TABLE_HPP

#include <vmem/persist/superblock.hpp>
#include <vmem/result.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace vmem::detail {

/// The roots of a heap, as they will be with its next commit.
template <std::size_t Count>
class root_table {
public:
    [[nodiscard]] std::span<root_entry> entries() noexcept { return entries_; }
    /// Whether they are not what the storage has.
    [[nodiscard]] bool changed() const noexcept { return changed_; }
    void set_changed(bool changed) noexcept { changed_ = changed; }

    /// Where `wanted` points. Errors: not_found, wrong_type.
    [[nodiscard]] result<std::uint64_t> find(const root_entry& wanted) const noexcept {
        for (const root_entry& entry : entries_) {
            if (entry.name == wanted.name) {
                return entry.size == wanted.size && entry.tag == wanted.tag
                           ? result<std::uint64_t>(entry.address)
                           : failure(errc::wrong_type);
            }
        }
        return failure(errc::not_found);
    }
    /// Replaces the root of that name, or removes it if the new one points nowhere. Errors: full.
    [[nodiscard]] result<void> set(const root_entry& entry) noexcept {
        root_entry* place = named(entry.name);
        if (place == nullptr && entry.address == 0) {
            return {};
        }
        place = place == nullptr ? named({}) : place;
        if (place == nullptr) {
            return failure(errc::full);
        }
        *place = entry.address == 0 ? root_entry{} : entry;
        changed_ = true;
        return {};
    }
    void clear() noexcept {
        entries_.fill({});
        changed_ = false;
    }

private:
    [[nodiscard]] root_entry* named(const std::array<char, root_entry::name_size>& name) noexcept {
        for (root_entry& entry : entries_) {
            if (entry.name == name) {
                return &entry;
            }
        }
        return nullptr;
    }

    std::array<root_entry, Count> entries_{};
    bool changed_ = false;
};

template <>
class root_table<0> {
public:
    [[nodiscard]] static std::span<root_entry> entries() noexcept { return {}; }
    [[nodiscard]] static bool changed() noexcept { return false; }
    static void set_changed(bool) noexcept {}
    static void clear() noexcept {}
};

} // namespace vmem::detail

#endif
