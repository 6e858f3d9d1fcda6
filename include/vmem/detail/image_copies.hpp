// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_IMAGE_COPIES_HPP
#define VMEM_DETAIL_IMAGE_COPIES_HPP

#include <vmem/config.hpp>
#include <vmem/detail/journal_record.hpp>
#include <vmem/detail/superblock_copies.hpp>
#include <vmem/detail/unit_io.hpp>
#include <vmem/persist/superblock.hpp>
#include <vmem/residency/concept.hpp>
#include <vmem/result.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

namespace vmem::detail {

/// Where a heap without a journal keeps the copies of its superblock.
template <class Storage, class Residency, std::size_t Roots>
struct image_layout {
    /// Bytes of a copy.
    static constexpr std::size_t copy_bytes =
        align_up(sizeof(superblock) + Roots * sizeof(root_entry), access_unit<Storage>);
    /// Whether virtual memory begins after them, and not with them.
    static constexpr bool headed = !std::is_same_v<typename Residency::storage_type, Storage>;
    /// In what no address reaches, if there is room.
    static constexpr address second =
        headed || (!object_residency<Residency> && 2 * copy_bytes <= Residency::reserved)
            ? copy_bytes
            : align_up(Residency::reserved, align_up(sizeof(superblock), copy_bytes));
    /// Where the allocator's region begins, in virtual memory.
    static constexpr address begin =
        headed || second < Residency::reserved ? Residency::reserved : second + copy_bytes;
};

/// What a superblock says of the modules of a `Heap` with `size` bytes of virtual memory.
template <class Heap, class Residency, std::size_t Roots>
[[nodiscard]] superblock describe_modules(address size) noexcept {
    superblock block;
    block.page_size = static_cast<std::uint32_t>(Residency::reserved);
    block.size = size;
    block.address_bits = std::numeric_limits<typename Residency::address_type>::digits;
    block.allocator = Heap::allocator_type::media_id;
    block.residency = object_residency<Residency> ? 2 : 1;
    block.roots = static_cast<std::uint32_t>(Roots);
    return block;
}

/// What a heap makes of a storage that need not outlive it.
template <class Residency>
class scratch_image {
protected:
    static constexpr address region_begin = Residency::reserved;

    [[nodiscard]] static result<void> begin_image() noexcept { return {}; }
    [[nodiscard]] static result<void> end_image(address, std::span<const root_entry>) noexcept {
        return {};
    }
};

/// What a heap without a journal makes of its storage: the superblock, twice, and how it changes.
template <class Heap, class Storage, class Residency, std::size_t Roots>
class plain_image {
    using layout = image_layout<Storage, Residency, Roots>;

protected:
    static constexpr address region_begin = layout::begin;

    /// What it says of a virtual memory of `size` bytes.
    [[nodiscard]] static superblock description(address size) noexcept {
        auto block = describe_modules<Heap, Residency, Roots>(size);
        block.second = layout::second;
        block.data = 0;
        if constexpr (layout::headed) {
            block.data = Residency::storage_type::data_at;
        }
        return block;
    }

    /// An image that is half made must not be taken for the one that was there before.
    [[nodiscard]] result<void> begin_image() {
        if constexpr (Roots != 0) {
            return wipe_copies(self().storage(), layout::second);
        } else {
            // Both say the same: neither is the older one.
            auto wiped = wipe_copy(self().storage(), 0);
            wiped = wiped ? wipe_copy(self().storage(), layout::second) : wiped;
            return wiped ? self().storage().sync() : wiped;
        }
    }
    [[nodiscard]] result<void> end_image(address size, std::span<const root_entry> roots) {
        if (const auto saved = self().residency_.sync(); !saved) {
            return saved;
        }
        superblock block = description(size);
        for (unsigned number = 0; number != 2; ++number) {
            block.sequence = number;
            if (const auto written = write_copy(block, roots); !written) {
                return written;
            }
        }
        note(1);
        return self().storage().sync();
    }
    /// Takes up the newest image that this composition can, with its roots: bytes of virtual
    /// memory.
    [[nodiscard]] result<address> read_image(const superblock& mine, std::span<root_entry> roots) {
        superblock_copies found;
        auto done = read_copies(self().storage(), layout::second, roots, found);
        if (done && !found.any()) {
            done = failure(found.why);
        }
        if (!done) {
            return failure(done.error());
        }
        const superblock& newest = found.newest();
        done = mine.accepts(newest);
        if constexpr (Roots != 0) {
            const address at = newest.sequence % 2 == 0 ? 0 : layout::second;
            done = done ? read_roots(self().storage(), at, newest, roots) : done;
        }
        if (!done) {
            return failure(done.error());
        }
        note(newest.sequence);
        return static_cast<address>(newest.size);
    }
    /// Replaces the older copy, after all that the roots speak of is durable. Two syncs have to be
    /// there: one was before this.
    [[nodiscard]] result<void> save_roots(address size, std::span<const root_entry> roots) {
        superblock block = description(size);
        block.sequence = number_.value + 1;
        auto saved = write_copy(block, roots);
        saved = saved ? self().storage().sync() : saved;
        if (saved) {
            note(block.sequence);
        }
        return saved;
    }

private:
    struct counted {
        std::uint64_t value = 0;
    };
    struct nothing {};

    [[nodiscard]] Heap& self() noexcept { return static_cast<Heap&>(*this); }

    void note([[maybe_unused]] std::uint64_t sequence) noexcept {
        if constexpr (Roots != 0) {
            number_.value = sequence;
        }
    }
    [[nodiscard]] result<void> write_copy(superblock& block, std::span<const root_entry> roots) {
        block.seal(roots);
        const address at = block.sequence % 2 == 0 ? 0 : layout::second;
        if constexpr (layout::copy_bytes == sizeof(superblock)) {
            return self().storage().write(at, std::as_bytes(std::span(&block, 1)));
        } else {
            const commit_list no_log{.room = {}, .head = &block, .roots = roots};
            record_pieces<access_unit<Storage>, layout::copy_bytes> record(no_log);
            record.rewind(true);
            return write_pieces(self().storage(), at, layout::copy_bytes, record);
        }
    }

    /// Of the newest copy.
    [[no_unique_address]] std::conditional_t<Roots != 0, counted, nothing> number_;
};

/// The same for a heap with a journal, which has all that.
template <class Heap, class Residency, std::size_t Roots>
class journaled_image {
    using journal = typename Residency::storage_type;

protected:
    static constexpr address region_begin = Residency::reserved;

    /// Out of line, as each commit asks for it too.
    [[nodiscard, gnu::noinline]] static superblock description(address size) noexcept {
        auto block = describe_modules<Heap, Residency, Roots>(size);
        block.second = journal::half;
        block.data = journal::data_at;
        block.block = journal::steals ? journal::block_bytes : 0;
        block.durability = 2;
        return block;
    }
    [[nodiscard]] result<void> begin_image() { return self().residency_.storage().begin_format(); }
    [[nodiscard]] result<void> end_image(address size, std::span<const root_entry> roots) {
        // While writes go home, and need not fit the frames.
        auto saved = self().allocator_.settle(self().medium());
        saved = saved ? self().residency_.write_out() : saved;
        superblock block = description(size);
        return saved ? self().residency_.storage().end_format(block, roots) : saved;
    }
    [[nodiscard]] result<address> read_image(const superblock& mine, std::span<root_entry> roots) {
        return self().residency_.storage().recover(mine, roots);
    }

private:
    [[nodiscard]] Heap& self() noexcept { return static_cast<Heap&>(*this); }
};

} // namespace vmem::detail

#endif
