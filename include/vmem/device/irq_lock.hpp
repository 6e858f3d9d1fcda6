// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DEVICE_IRQ_LOCK_HPP
#define VMEM_DEVICE_IRQ_LOCK_HPP

#include <vmem/policies.hpp>

#include <concepts>

namespace vmem {

/// What `irq_lock` needs of a processor. `disable` masks the interrupts in whose handlers a heap is
/// used and returns what `restore` needs to bring back the state before it.
template <class I>
concept interrupt_mask = requires {
    { I::disable() } noexcept;
    requires !std::same_as<decltype(I::disable()), void>;
    { I::restore(I::disable()) } noexcept -> std::same_as<void>;
};

/// For `locking<irq_lock<Interrupts>>`: no interrupt comes while the heap works, so that handlers
/// may use it like everyone else. That lasts as long as the slowest operation, transfers included:
/// see docs/device/contexts.md before you choose it.
///
/// Sections may nest; the outermost one restores. RAM: the saved state and one counter.
template <interrupt_mask Interrupts>
class irq_lock {
public:
    void lock() noexcept {
        const auto before = Interrupts::disable();
        if (depth_ == 0) {
            before_ = before;
        }
        depth_ = depth_ + 1;
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
    }
    /// Precondition: locked.
    void unlock() noexcept {
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        depth_ = depth_ - 1;
        if (depth_ == 0) {
            Interrupts::restore(before_);
        }
    }

private:
    unsigned depth_ = 0;
    decltype(Interrupts::disable()) before_{};
};

namespace detail {

struct interrupt_mask_archetype {
    static unsigned disable() noexcept;
    static void restore(unsigned before) noexcept;
};

} // namespace detail
static_assert(lockable<irq_lock<detail::interrupt_mask_archetype>>);

} // namespace vmem

#endif
