// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_RESIDENCY_OBJECT_RAM_HPP
#define VMEM_RESIDENCY_OBJECT_RAM_HPP

#include <vmem/allocator/concept.hpp>
#include <vmem/config.hpp>
#include <vmem/persist/critical_section.hpp>
#include <vmem/persist/image.hpp>
#include <vmem/persist/superblock.hpp>
#include <vmem/residency/concept.hpp>
#include <vmem/residency/object_arena.hpp>
#include <vmem/residency/object_table.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>
#include <vmem/storage/gathering.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

namespace vmem {

namespace detail {

struct no_statistics {};

} // namespace detail

/// How often something accesses the storage, at most.
struct storage_bound {
    std::size_t reads = 0;
    std::size_t writes = 0;
    std::size_t syncs = 0;
};

/// What a persist takes, at most.
struct persist_bound {
    /// Bytes written.
    std::size_t bytes = 0;
    /// Writes and syncs.
    std::size_t operations = 0;
};

/// The RAM of `resident_objects`, the storage below it, and what of the one is not in the other
/// yet. See `object_images` for how all of that is saved in one go, `object_store` for what is in
/// RAM.
template <class Storage, class Address, class Shape, std::size_t DirtyLimit, bool Statistics>
class object_ram {
    static_assert((check_storage<Storage>(), true));
    static_assert(storage_traits<Storage>::read_size == 1 &&
                      storage_traits<Storage>::write_size == 1,
                  "resident_objects: the storage must be byte-addressable");

protected:
    using table_type = object_table<Address, Shape::arena_bytes, Shape::max_objects>;
    using arena_type = object_arena<typename Shape::allocator_type, Shape::arena_bytes>;
    /// No slot.
    static constexpr std::size_t none = table_type::none;
    /// Bytes of a slot in an image.
    static constexpr std::size_t slot_bytes = sizeof(typename table_type::slot_type);

public:
    /// Most bytes that are ever unsaved, a slot for each unsaved object included.
    static constexpr std::size_t dirty_limit =
        detail::lesser(DirtyLimit, Shape::max_objects* slot_bytes + Shape::arena_bytes);
    static_assert(dirty_limit > slot_bytes, "dirty_limit: leaves no room for a single byte");

    /// Of an image, besides what is unsaved and the slots of objects that are saved (bytes).
    static constexpr std::size_t image_overhead =
        sizeof(image_header) + (Shape::max_objects + 7) / 8 + sizeof(std::uint32_t);

    static constexpr persist_bound worst_case_persist = [] {
        const std::size_t bytes = image_overhead + Shape::max_objects * slot_bytes +
                                  detail::lesser(dirty_limit - slot_bytes, Shape::arena_bytes);
        return persist_bound{.bytes = bytes, .operations = gathered_writes<Storage>(bytes) + 1};
    }();

    /// Of one access to an object, whatever has to leave RAM or to be saved for it.
    static constexpr storage_bound worst_case_access = [] {
        // The most pieces that can be unsaved: those of objects that are changed in every other
        // byte.
        constexpr std::size_t pieces = table_type::most_granules / 2;
        constexpr std::size_t slots_in_use =
            detail::lesser(Shape::max_objects, Shape::arena_bytes / arena_type::unit);
        constexpr std::size_t objects =
            detail::lesser(slots_in_use, dirty_limit / (slot_bytes + pieces));
        constexpr std::size_t rest = dirty_limit - objects * (slot_bytes + pieces);
        constexpr bool more = objects < slots_in_use && rest > slot_bytes;
        // Each is written once, an empty image may be, and what the access itself writes.
        return storage_bound{.reads = 1,
                             .writes = pieces * objects +
                                       (more ? detail::lesser(rest - slot_bytes, pieces) : 0) + 2,
                             .syncs = 2};
    }();

    /// Bytes at the start that no address reaches.
    static constexpr address reserved =
        sizeof(superblock) + 2 * detail::align_up(address{worst_case_persist.bytes}, 64);

    object_ram()
        requires std::default_initializable<Storage>
    = default;
    explicit object_ram(Storage storage) : storage_(std::move(storage)) {}
    object_ram(const object_ram&) = delete;
    object_ram& operator=(const object_ram&) = delete;

    [[nodiscard]] constexpr Storage& storage() noexcept { return storage_; }
    [[nodiscard]] constexpr const Storage& storage() const noexcept { return storage_; }
    /// End of the addresses served (bytes); 0 before `start`.
    [[nodiscard]] constexpr address size() const noexcept { return end_; }
    /// Bytes that are unsaved, with a slot for each object of which some are; at most
    /// `dirty_limit`.
    [[nodiscard]] std::size_t dirty_bytes() const noexcept { return ram_.dirty; }
    /// Of the largest object that can be resident (bytes).
    [[nodiscard]] std::size_t largest_object() const noexcept { return ram_.arena.largest(); }

    /// What a power cut leaves of RAM: junk. For tests and demonstrations; `restore` is next.
    void lose_ram(std::byte junk = std::byte{0xA5}) noexcept {
        std::memset(static_cast<void*>(&ram_), std::to_integer<int>(junk), sizeof(ram_));
    }

protected:
    /// All that a power cut takes.
    struct volatile_part {
        /// See `dirty_bytes`.
        std::size_t dirty = 0;
        std::size_t views = 0;
        Address freed = 0;
        /// The newest image may hold what is not at home.
        bool imaged = false;
        table_type table;
        typename Shape::template eviction<Shape::max_objects> policy;
        arena_type arena;
    };

    /// Nothing is resident.
    void reset() noexcept { ::new (static_cast<void*>(&ram_)) volatile_part; }

    /// Where the object of a slot is.
    [[nodiscard]] std::byte* raw(std::size_t slot) noexcept {
        return ram_.arena.at(ram_.table[slot].place);
    }

    /// What `dirty_bytes` would be if these granules of an object were unsaved, and no others.
    [[nodiscard]] std::size_t dirty_with(std::size_t slot, unsigned granules) const noexcept {
        const auto& object = ram_.table[slot];
        return ram_.dirty + table_type::cost(object.size, granules) -
               table_type::cost(object.size, object.dirty);
    }
    /// Records what of an object is unsaved, a bit for each granule.
    void set_dirty(std::size_t slot, unsigned granules) noexcept {
        ram_.dirty = dirty_with(slot, granules);
        ram_.table[slot].set_dirty(granules);
    }

    /// Writes what is unsaved of an object to where it is at home. If that fails all of it stays
    /// unsaved, as does what is pinned for writing.
    [[nodiscard]] result<void> save_now(std::size_t slot) noexcept {
        auto& object = ram_.table[slot];
        for (std::size_t from = 0;;) {
            const auto part = ram_.table.unsaved(slot, from);
            if (part.begin == part.end) {
                break;
            }
            from = part.end;
            const std::span<const std::byte> changed(raw(slot) + part.begin, part.end - part.begin);
            if (const auto written = storage_.write(address{object.address} + part.begin, changed);
                !written) {
                return written;
            }
            if constexpr (Statistics) {
                ++statistics_.write_backs;
                statistics_.bytes_written += changed.size();
            }
        }
        if ((object.pins & table_type::writing) == 0 && !restoring_) {
            set_dirty(slot, 0);
        }
        return {};
    }
    /// Brings everything home. Errors: the first one of the storage; all objects are tried.
    [[nodiscard]] result<void> save_all() noexcept {
        result<void> outcome;
        for (std::size_t slot = 0; slot < none; ++slot) {
            if (const auto saved = save_now(slot); !saved && outcome) {
                outcome = saved;
            }
        }
        return outcome;
    }

    Storage storage_;
    address end_ = 0;
    critical_section critical_;
    /// Whoever was interrupted may be about to change bytes that counted as unsaved: they still do.
    bool restoring_ = false;
    /// Of the newest image.
    std::uint64_t sequence_ = 0;
    volatile_part ram_;
    [[no_unique_address]] std::conditional_t<Statistics, paging_statistics, detail::no_statistics>
        statistics_;
};

} // namespace vmem

#endif
