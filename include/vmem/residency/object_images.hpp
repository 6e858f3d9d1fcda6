// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_RESIDENCY_OBJECT_IMAGES_HPP
#define VMEM_RESIDENCY_OBJECT_IMAGES_HPP

#include <vmem/config.hpp>
#include <vmem/persist/image.hpp>
#include <vmem/persist/superblock.hpp>
#include <vmem/residency/concept.hpp>
#include <vmem/residency/object_arena.hpp>
#include <vmem/residency/object_table.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>
#include <vmem/storage/gathering.hpp>

#include <bit>
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

/// The RAM of `resident_objects`, the storage below it, and how the one is saved to the other, at
/// leisure or in an image. See `object_store` for what is in RAM, `object_cache` for accesses.
///
/// On the storage: the superblock, two places for images, and then the objects. An image stays in
/// force until all that it holds is at home: before anything else is written there everything
/// unsaved is, and then an empty image.
template <class Storage, class Address, class Shape, std::size_t DirtyLimit, bool Statistics>
class object_images {
    static_assert((check_storage<Storage>(), true));
    static_assert(storage_traits<Storage>::read_size == 1 &&
                      storage_traits<Storage>::write_size == 1,
                  "resident_objects: the storage must be byte-addressable");

protected:
    using table_type = object_table<Address, Shape::arena_bytes, Shape::max_objects>;
    using arena_type = object_arena<typename Shape::allocator_type, Shape::arena_bytes>;
    static constexpr std::size_t none = table_type::none;
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
        // The most pieces that can be unsaved: 8 of an object that is changed in every other byte.
        constexpr std::size_t objects =
            detail::lesser(Shape::max_objects, dirty_limit / (slot_bytes + 8));
        constexpr std::size_t rest = dirty_limit - objects * (slot_bytes + 8);
        constexpr bool more = objects < Shape::max_objects && rest > slot_bytes;
        // Each is written once, an empty image may be, and what the access itself writes.
        return storage_bound{.reads = 1,
                             .writes = 8 * objects +
                                       (more ? detail::lesser(rest - slot_bytes, 8) : 0) + 2,
                             .syncs = 2};
    }();

    /// Bytes at the start that no address reaches.
    static constexpr address reserved =
        sizeof(superblock) + 2 * detail::align_up(address{worst_case_persist.bytes}, 64);

    object_images()
        requires std::default_initializable<Storage>
    = default;
    explicit object_images(Storage storage) : storage_(std::move(storage)) {}
    object_images(const object_images&) = delete;
    object_images& operator=(const object_images&) = delete;

    [[nodiscard]] constexpr Storage& storage() noexcept { return storage_; }
    [[nodiscard]] constexpr const Storage& storage() const noexcept { return storage_; }
    /// End of the addresses served (bytes); 0 before `start`.
    [[nodiscard]] constexpr address size() const noexcept { return end_; }
    /// Bytes that are unsaved, with a slot for each object of which some are; at most
    /// `dirty_limit`.
    [[nodiscard]] std::size_t dirty_bytes() const noexcept { return ram_.dirty; }
    /// Of the largest object that can be resident (bytes).
    [[nodiscard]] std::size_t largest_object() const noexcept { return ram_.arena.largest(); }

    /// Saves every change and syncs the storage. All objects are tried; the first error is
    /// returned, and what could not be written stays unsaved, as does what is pinned for writing.
    [[nodiscard]] result<void> sync() noexcept {
        if (ram_.imaged) {
            return retire();
        }
        const auto saved = save_all();
        const auto synced = storage_.sync();
        return saved ? synced : saved;
    }

    /// Writes everything unsaved, in one write if the storage gathers, and syncs it; changes
    /// nothing in RAM that matters. For an interrupt, outside of critical sections. Errors:
    /// not_open, the storage's; then the image before is in force. `worst_case_persist`.
    [[nodiscard]] result<void> persist() noexcept {
        if (end_ == 0) {
            return failure(errc::not_open);
        }
        image_header header = describe();
        for (std::size_t slot = 0; slot < none; ++slot) {
            header.objects += ram_.table.is_held(slot) ? 1 : 0;
            header.size += ram_.table.is_held(slot) && ram_.table[slot].dirty == 0 ? slot_bytes : 0;
        }
        header.freed = ram_.freed;
        if (header.objects != 0) {
            header.size += ram_.dirty + ram_.table.held().size();
        }
        return write_image(header);
    }

    /// Makes all of the reserved storage but the superblock that of an empty heap.
    [[nodiscard]] result<void> format_images() noexcept {
        image_header none_at_all{};
        none_at_all.magic = 0;
        const auto wiped =
            storage_.write(image_at(ram_.sequence), std::as_bytes(std::span(&none_at_all, 1)));
        return wiped ? write_empty_image() : wiped;
    }
    /// Brings home what an image holds. RAM is empty then, but for `freed`. Errors: corrupt (there
    /// is no image), geometry_mismatch (of another composition), the storage's.
    [[nodiscard]] result<void> apply_image() noexcept {
        if (const auto found = read_image(true); !found) {
            return found;
        }
        const auto applied = ram_.imaged ? retire() : result<void>();
        const Address freed = ram_.freed;
        reset();
        ram_.freed = freed;
        return applied;
    }
    /// After a loss of all RAM but this object's own few words, or of none: serves addresses below
    /// `end`, with each object where it was when the newest image was written, as unsaved and as
    /// pinned as it was. Errors: corrupt (no image), geometry_mismatch (of another composition, or
    /// the arena was elsewhere), the storage's. Until `end_restore` nothing that is saved stops
    /// being unsaved.
    [[nodiscard]] result<void> begin_restore(address end) noexcept {
        end_ = end;
        restoring_ = true;
        return read_image(false);
    }
    void end_restore() noexcept { restoring_ = false; }
    /// The block freed last; see `image_header`.
    [[nodiscard]] address freed() const noexcept { return ram_.freed; }
    void note_freed(address block) noexcept { ram_.freed = static_cast<Address>(block); }

    /// What a power cut leaves of RAM: junk. For tests and demonstrations; `restore` is next.
    void lose_ram(std::byte junk = std::byte{0xA5}) noexcept {
        std::memset(static_cast<void*>(&ram_), std::to_integer<int>(junk), sizeof(ram_));
    }

protected:
    /// All that a power cut takes.
    struct volatile_part {
        table_type table;
        typename Shape::template eviction<Shape::max_objects> policy;
        /// Of the newest image.
        std::uint64_t sequence = 0;
        /// See `dirty_bytes`.
        std::size_t dirty = 0;
        std::size_t views = 0;
        Address freed = 0;
        /// The newest image may hold what is not at home.
        bool imaged = false;
        arena_type arena;
    };

    /// Nothing is resident. The number of the newest image is kept.
    void reset() noexcept {
        const std::uint64_t sequence = ram_.sequence;
        ::new (static_cast<void*>(&ram_)) volatile_part();
        ram_.sequence = sequence;
    }

    [[nodiscard]] std::byte* raw(std::size_t slot) noexcept {
        return ram_.arena.at(ram_.table[slot].place);
    }

    /// Writes to where objects and the allocator's state are at home.
    [[nodiscard]] result<void> write_home(address at, std::span<const std::byte> in) noexcept {
        if (ram_.imaged) [[unlikely]] {
            if (const auto retired = retire(); !retired) {
                return retired;
            }
        }
        return storage_.write(at, in);
    }
    /// Saves one object. If that fails all of it stays unsaved, as does what is pinned for writing.
    [[nodiscard]] result<void> save(std::size_t slot) noexcept {
        return ram_.imaged ? retire() : save_now(slot);
    }

    void set_dirty(std::size_t slot, unsigned granules) noexcept {
        auto& object = ram_.table[slot];
        ram_.dirty += table_type::cost(object.size, granules);
        ram_.dirty -= table_type::cost(object.size, object.dirty);
        object.dirty = static_cast<std::uint16_t>(granules);
    }

    Storage storage_;
    address end_ = 0;
    /// Whoever was interrupted may be about to change bytes that counted as unsaved: they still do.
    bool restoring_ = false;
    volatile_part ram_;
    [[no_unique_address]] std::conditional_t<Statistics, paging_statistics, detail::no_statistics>
        statistics_;

private:
    [[nodiscard]] static constexpr address image_at(std::uint64_t sequence) noexcept {
        return sizeof(superblock) + (sequence % 2) * ((reserved - sizeof(superblock)) / 2);
    }

    [[nodiscard]] result<void> save_now(std::size_t slot) noexcept {
        auto& object = ram_.table[slot];
        for (auto part = ram_.table.unsaved(slot, 0); part.begin != part.end;
             part = ram_.table.unsaved(slot, part.end)) {
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
    [[nodiscard]] result<void> save_all() noexcept {
        result<void> outcome;
        for (std::size_t slot = 0; slot < none; ++slot) {
            if (const auto saved = save_now(slot); !saved && outcome) {
                outcome = saved;
            }
        }
        return outcome;
    }

    /// Brings everything home, so that the image in force is not needed any more.
    [[nodiscard]] result<void> retire() noexcept {
        if (const auto saved = save_all(); !saved) {
            return saved;
        }
        if (const auto synced = storage_.sync(); !synced) {
            return synced;
        }
        return write_empty_image();
    }
    [[nodiscard]] result<void> write_empty_image() noexcept {
        const auto written = write_image(describe());
        ram_.imaged = ram_.imaged && !written;
        return written;
    }

    /// The header of an empty image.
    [[nodiscard]] image_header describe() const noexcept {
        image_header header;
        header.sequence = ram_.sequence + 1;
        header.size = sizeof(header) + sizeof(std::uint32_t);
        header.arena = reinterpret_cast<std::uintptr_t>(ram_.arena.at(0));
        header.arena_bytes = Shape::arena_bytes;
        header.max_objects = Shape::max_objects;
        header.slot_size = slot_bytes;
        return header;
    }
    [[nodiscard]] result<void> write_image(const image_header& header) noexcept {
        image_pieces pieces(header, ram_.table, ram_.arena);
        // Even one whose write fails may turn out to be there.
        ram_.imaged = true;
        if (const auto written = write_gathered(storage_, image_at(header.sequence),
                                                static_cast<address>(header.size), pieces);
            !written) {
            return written;
        }
        const auto synced = storage_.sync();
        ram_.sequence += synced ? 1U : 0U;
        return synced;
    }

    /// Takes up the newest image. `cold`: nothing is pinned any more, and saved objects stay where
    /// they are.
    [[nodiscard]] result<void> read_image(bool cold) noexcept {
        image_header newest{.magic = 0};
        for (std::uint64_t n = 0; n < 2; ++n) {
            const auto found = verified_image(storage_, image_at(n), worst_case_persist.bytes);
            if (!found) {
                return failure(found.error());
            }
            if (found->magic != 0 && found->sequence % 2 == n &&
                (newest.magic == 0 || found->sequence > newest.sequence)) {
                newest = *found;
            }
        }
        if (const auto fits = accepts(newest, cold); !fits) {
            return fits;
        }
        ::new (static_cast<void*>(&ram_)) volatile_part();
        ram_.sequence = newest.sequence;
        ram_.freed = static_cast<Address>(newest.freed);
        ram_.imaged = newest.objects != 0 || newest.freed != 0;
        if (newest.objects == 0) {
            return {};
        }
        image_reader image(storage_, image_at(newest.sequence) + sizeof(newest));
        const auto seated = read_slots(image, cold);
        return seated ? read_bytes(image, cold) : seated;
    }
    [[nodiscard]] result<void> accepts(const image_header& image, bool cold) const noexcept {
        const image_header own = describe();
        if (image.magic == 0) {
            return failure(errc::corrupt);
        }
        if (image.format != own.format) {
            return failure(image.format < own.format ? errc::version_too_old
                                                     : errc::version_too_new);
        }
        const bool same = image.arena_bytes == own.arena_bytes &&
                          image.max_objects == own.max_objects && image.slot_size == own.slot_size;
        if (image.objects != 0 && (!same || (image.arena != own.arena && !cold))) {
            return failure(errc::geometry_mismatch);
        }
        return {};
    }

    [[nodiscard]] result<void> read_slots(image_reader<Storage>& image, bool cold) noexcept {
        ram_.arena.reset();
        image.read(std::as_writable_bytes(ram_.table.held_to_rebuild()));
        for (std::size_t slot = 0; slot < none && image.outcome(); ++slot) {
            if (!ram_.table.is_held(slot)) {
                continue;
            }
            auto& object = ram_.table[slot];
            image.read(std::as_writable_bytes(std::span(&object, 1)));
            if (image.outcome() && (object.address < reserved || object.size == 0 ||
                                    object.size > end_ || object.address > end_ - object.size ||
                                    !ram_.arena.allocate_at(object.place, object.size))) {
                return failure(errc::corrupt);
            }
            if (cold) {
                object.pins &= table_type::view;
            }
            ram_.views += (object.pins & table_type::view) != 0 ? 1 : 0;
            ram_.dirty += table_type::cost(object.size, object.dirty);
            ram_.policy.on_insert(slot);
        }
        ram_.arena.settle();
        ram_.table.rebuild();
        return image.outcome();
    }
    [[nodiscard]] result<void> read_bytes(image_reader<Storage>& image, bool cold) noexcept {
        for (std::size_t slot = 0; slot < none; ++slot) {
            const auto& object = ram_.table[slot];
            if (cold || object.size == 0) {
                continue;
            }
            if (const auto loaded = storage_.read(object.address, {raw(slot), object.size});
                !loaded) {
                return loaded;
            }
        }
        for (std::size_t slot = 0; slot < none; ++slot) {
            for (auto part = ram_.table.unsaved(slot, 0); part.begin != part.end;
                 part = ram_.table.unsaved(slot, part.end)) {
                image.read({raw(slot) + part.begin, part.end - part.begin});
            }
        }
        return image.outcome();
    }
};

} // namespace vmem

#endif
