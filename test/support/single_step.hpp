// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_SUPPORT_SINGLE_STEP_HPP
#define VMEM_TEST_SUPPORT_SINGLE_STEP_HPP

/// \file
/// Calls a function between any two instructions of a piece of code: the processor traps after each
/// one. Where that is not to be had, `single_step::available` is false.
namespace vmem::test {

#if defined(__x86_64__) && defined(__linux__)

} // namespace vmem::test

#include <csignal>

#include <ucontext.h>

namespace vmem::test {

class single_step {
public:
    static constexpr bool available = true;

    /// What to do after this call of the function.
    enum class next { go_on, run_free };

    explicit single_step(next (*each)()) noexcept {
        each_ = each;
        struct sigaction action{};
        action.sa_sigaction = trap;
        action.sa_flags = SA_SIGINFO;
        sigaction(SIGTRAP, &action, &before_);
    }
    ~single_step() { sigaction(SIGTRAP, &before_, nullptr); }
    single_step(const single_step&) = delete;
    single_step& operator=(const single_step&) = delete;

    /// From the next instruction on; after `run_free` too.
    [[gnu::always_inline]] static void start() noexcept {
        // Below the stack pointer may be 128 bytes that the compiler uses.
        asm volatile("lea -128(%%rsp), %%rsp\n\tpushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\t"
                     "lea 128(%%rsp), %%rsp" ::
                         : "memory", "cc");
    }
    [[gnu::always_inline]] static void stop() noexcept {
        asm volatile("lea -128(%%rsp), %%rsp\n\tpushfq\n\tandq $-257, (%%rsp)\n\tpopfq\n\t"
                     "lea 128(%%rsp), %%rsp" ::
                         : "memory", "cc");
    }

private:
    static void trap(int, siginfo_t*, void* context) {
        if (each_() == next::run_free) {
            static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL] &= ~0x100LL;
        }
    }

    inline static next (*each_)() = nullptr;
    struct sigaction before_{};
};

#else

class single_step {
public:
    static constexpr bool available = false;
    enum class next { go_on, run_free };
    explicit single_step(next (*)()) noexcept {}
    static void start() noexcept {}
    static void stop() noexcept {}
};

#endif

} // namespace vmem::test

#endif
