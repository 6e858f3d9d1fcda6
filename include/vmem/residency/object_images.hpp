// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_RESIDENCY_OBJECT_IMAGES_HPP
#define VMEM_RESIDENCY_OBJECT_IMAGES_HPP

#include <vmem/config.hpp>
#include <vmem/eviction/concept.hpp>
#include <vmem/persist/image.hpp>
#include <vmem/persist/superblock.hpp>
#include <vmem/residency/object_ram.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/gathering.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <utility>

namespace vmem {

/// How all that is unsaved is saved at once, in an image, and comes back from there.
///
/// On the storage: the superblock, two places for images, and then the objects. An image stays in
/// force until all that it holds is at home: before anything else is written there everything
/// unsaved is, and then an empty image.
template <class Storage, class Address, class Shape, std::size_t DirtyLimit, bool Statistics>
class object_images : public object_ram<Storage, Address, Shape, DirtyLimit, Statistics> {
    using base = object_ram<Storage, Address, Shape, DirtyLimit, Statistics>;

protected:
    using base::end_;
    using base::none;
    using base::ram_;
    using base::raw;
    using base::reset;
    using base::save_all;
    using base::save_now;
    using base::sequence_;
    using base::slot_bytes;
    using base::storage_;
    using typename base::table_type;

public:
    using base::reserved;
    using base::worst_case_persist;

    using base::base;

    /// Saves every change and syncs the storage. All objects are tried; the first error is
    /// returned, and what could not be written stays unsaved, as does what is pinned for writing.
    /// The image in force is not needed any more then.
    [[nodiscard]] result<void> sync() noexcept {
        auto saved = save_all();
        const auto synced = storage_.sync();
        saved = saved ? synced : saved;
        return saved && ram_.imaged ? write_image(false) : saved;
    }

    /// Writes everything unsaved, in one write if the storage gathers, and syncs it; changes
    /// nothing in RAM that matters. For an interrupt, outside of critical sections. Errors:
    /// not_open, the storage's; then the image before is in force. `worst_case_persist`.
    [[nodiscard]] result<void> persist() noexcept {
        return end_ != 0 ? write_image(true) : failure(errc::not_open);
    }

    /// Makes all of the reserved storage but the superblock that of an empty heap.
    [[nodiscard]] result<void> format_images() noexcept {
        constexpr std::uint64_t no_magic = 0;
        const auto wiped =
            storage_.write(image_at(sequence_), std::as_bytes(std::span(&no_magic, 1)));
        return wiped ? write_image(false) : wiped;
    }
    /// Brings home what an image holds. RAM is empty then, but for `freed`. Errors: corrupt (there
    /// is no image), geometry_mismatch (of another composition), the storage's.
    [[nodiscard]] result<void> apply_image() noexcept {
        if (const auto found = read_image(true); !found) {
            return found;
        }
        const auto applied = ram_.imaged ? sync() : result<void>();
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
        this->restoring_ = true;
        return read_image(false);
    }
    void end_restore() noexcept { this->restoring_ = false; }
    /// The block freed last; see `image_header`.
    [[nodiscard]] address freed() const noexcept { return ram_.freed; }
    void note_freed(address block) noexcept { ram_.freed = static_cast<Address>(block); }

protected:
    /// Writes to where objects and the allocator's state are at home.
    [[nodiscard]] result<void> write_home(address at, std::span<const std::byte> in) noexcept {
        if (ram_.imaged) [[unlikely]] {
            if (const auto retired = sync(); !retired) {
                return retired;
            }
        }
        return storage_.write(at, in);
    }
    /// Saves one object. If that fails all of it stays unsaved, as does what is pinned for writing.
    [[nodiscard]] result<void> save(std::size_t slot) noexcept {
        return ram_.imaged ? sync() : save_now(slot);
    }

private:
    /// Of an image without objects (bytes).
    static constexpr std::size_t empty_size = sizeof(image_header) + sizeof(std::uint32_t);

    [[nodiscard]] static constexpr address image_at(std::uint64_t sequence) noexcept {
        return sizeof(superblock) +
               static_cast<address>(sequence % 2) * ((reserved - sizeof(superblock)) / 2);
    }

    /// The header of an empty image.
    [[nodiscard]] image_header describe() const noexcept {
        return {.sequence = sequence_ + 1,
                .size = empty_size,
                .arena = reinterpret_cast<std::uintptr_t>(ram_.arena.at(0)),
                .arena_bytes = Shape::arena_bytes,
                .max_objects = Shape::max_objects,
                .slot_size = slot_bytes};
    }
    /// An empty one, unless it is to hold what is unsaved.
    [[nodiscard]] result<void> write_image(bool whole) noexcept {
        image_header header = describe();
        image_pieces pieces(header, ram_.table, ram_.arena);
        if (whole) {
            header.freed = ram_.freed;
            std::size_t size = empty_size + ram_.dirty + table_type::bit_bytes;
            for (std::size_t slot = 0; slot < none; ++slot) {
                if (ram_.table.holds(slot)) {
                    pieces.add(slot);
                    ++header.objects;
                    size += ram_.table[slot].dirty == 0 ? slot_bytes : 0;
                }
            }
            header.size = header.objects != 0 ? size : empty_size;
        }
        // Even one whose write fails may turn out to be there.
        ram_.imaged = true;
        auto done = write_gathered(storage_, image_at(header.sequence),
                                   static_cast<address>(header.size), pieces);
        done = done ? storage_.sync() : done;
        if (done) {
            sequence_ = header.sequence;
            ram_.imaged = whole;
        }
        return done;
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
        reset();
        sequence_ = newest.sequence;
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
        std::array<std::uint8_t, table_type::bit_bytes> held{};
        image.read(std::as_writable_bytes(std::span(held)));
        for (std::size_t slot = 0; slot < none && image.outcome(); ++slot) {
            if ((held[slot / 8] >> slot % 8 & 1) == 0) {
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
            insert_with_key(ram_.policy, slot, object.address);
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
