// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_PERSIST_CRITICAL_SECTION_HPP
#define VMEM_PERSIST_CRITICAL_SECTION_HPP

#include <csignal>

namespace vmem {

/// Puts off what an interrupt asks for until the interrupted code has left its data consistent.
/// Sections nest. The interrupt may come at any instruction, and runs to its end before that code
/// goes on; the threads of a program exclude each other by other means.
class critical_section {
public:
    /// What an interrupt may put off; null for nothing.
    using action = void (*)();

    /// Begins a section. O(1).
    void enter() noexcept {
        depth_ = depth_ + 1;
        // What the section changes must not move out of it.
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
    }
    /// At the end of the outermost section, calls what was queued meanwhile.
    void leave() {
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        depth_ = depth_ - 1;
        // In this order: an interrupt in between finds no section, and need not queue anything.
        while (depth_ == 0) {
            const action wanted = queued_;
            if (wanted == nullptr) [[likely]] {
                return;
            }
            queued_ = nullptr;
            wanted();
        }
    }
    /// Whether a section is active; then an interrupt must put off what it wants.
    [[nodiscard]] bool is_active() const noexcept { return depth_ != 0; }

    /// For an interrupt that finds the section active. The action queued last is the one called.
    void queue(action wanted) noexcept { queued_ = wanted; }

private:
    volatile std::sig_atomic_t depth_ = 0;
    volatile action queued_ = nullptr;
};

/// Is in a critical section while it lives.
class critical_guard {
public:
    [[nodiscard]] explicit critical_guard(critical_section& section) noexcept : section_(section) {
        section_.enter();
    }
    [[gnu::always_inline]] ~critical_guard() { section_.leave(); }
    critical_guard(const critical_guard&) = delete;
    critical_guard& operator=(const critical_guard&) = delete;

private:
    critical_section& section_;
};

} // namespace vmem

#endif
