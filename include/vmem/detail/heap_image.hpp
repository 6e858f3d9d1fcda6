// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_HEAP_IMAGE_HPP
#define VMEM_DETAIL_HEAP_IMAGE_HPP

#include <vmem/config.hpp>
#include <vmem/residency/concept.hpp>
#include <vmem/result.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>

namespace vmem::detail {

/// How a `Heap` begins: makes an image on its storage, or takes up one that is there. `Copies`
/// knows where the superblock is.
template <class Heap, class Residency, class Copies>
class heap_image : protected Copies {
protected:
    [[nodiscard]] result<void> format_image() {
        if (const auto started = self().residency_.start(size_at_hand()); !started) {
            return started;
        }
        if (self().size() <= Copies::region_begin) {
            return failure(errc::wrong_size);
        }
        self().roots_.clear();
        if (const auto begun = Copies::begin_image(); !begun) {
            return begun;
        }
        if constexpr (object_residency<Residency>) {
            if (const auto made = self().residency_.format_images(); !made) {
                return made;
            }
        }
        if (const auto made =
                self().allocator_.format(self().medium(), Copies::region_begin, grantable_end());
            !made) {
            return made;
        }
        return Copies::end_image(self().size(), self().roots_.entries());
    }

    [[nodiscard]] result<void> open_image() {
        if (const auto started = self().residency_.start(size_at_hand()); !started) {
            return started;
        }
        const auto found =
            Copies::read_image(Copies::description(size_at_hand()), self().roots_.entries());
        self().roots_.set_changed(false);
        if (!found) {
            return failure(found.error());
        }
        if (const auto started = self().residency_.start(*found); !started) {
            return started;
        }
        if constexpr (object_residency<Residency>) {
            if (const auto applied = self().residency_.apply_image(); !applied) {
                return applied;
            }
        }
        return open_allocator();
    }

    [[nodiscard]] result<void> restore_image() {
        const auto found =
            Copies::read_image(Copies::description(size_at_hand()), self().roots_.entries());
        if (!found) {
            return failure(found.error());
        }
        auto restored = self().residency_.begin_restore(*found);
        if (restored) {
            restored = open_allocator();
        }
        self().residency_.end_restore();
        return restored;
    }

    /// Of virtual memory, at most.
    [[nodiscard]] address size_at_hand() noexcept { return self().residency_.storage().size(); }

    [[nodiscard]] result<void> open_allocator() {
        const auto opened =
            self().allocator_.open(self().medium(), Copies::region_begin, grantable_end());
        if constexpr (object_residency<Residency>) {
            // What was freed last may not be written down; if it is, this is refused.
            if (const address freed = self().residency_.freed(); opened && freed != 0) {
                static_cast<void>(self().allocator_.deallocate(self().medium(), freed));
            }
        }
        return opened;
    }

    /// End of what the allocator grants. A pointer past the end of a block must not wrap to null.
    [[nodiscard]] address grantable_end() noexcept {
        return self().size() > (std::numeric_limits<typename Residency::address_type>::max)()
                   ? self().size() - 1
                   : self().size();
    }

private:
    [[nodiscard]] Heap& self() noexcept { return static_cast<Heap&>(*this); }
};

} // namespace vmem::detail

#endif
