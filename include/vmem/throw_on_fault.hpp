// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_THROW_ON_FAULT_HPP
#define VMEM_THROW_ON_FAULT_HPP

#include <vmem/config.hpp>
#include <vmem/policies.hpp>
#include <vmem/result.hpp>

#if defined(__cpp_exceptions)
#include <exception>
#endif

namespace vmem {

#if defined(__cpp_exceptions)

/// What `throw_on_fault` throws. Holds no text of its own, so that copying it cannot fail.
class fault_error : public std::exception {
public:
    explicit fault_error(fault_info fault) noexcept : fault_(fault) {}

    [[nodiscard]] errc code() const noexcept { return fault_.code; }
    /// The virtual address in question; 0 where there is none.
    [[nodiscard]] address where() const noexcept { return fault_.where; }
    /// `message(code())`. Never null.
    [[nodiscard]] const char* what() const noexcept override { return message(fault_.code); }

private:
    fault_info fault_;
};

/// Fault handler that throws a `fault_error`: `on_fault<throw_on_fault>`. The operators of such a
/// heap are not noexcept; the heap stays usable after the exception.
struct throw_on_fault {
    [[noreturn]] void operator()(fault_info fault) const { throw fault_error(fault); }
};

#else

/// Where exceptions are off, a heap that names it is an error that says so.
struct throw_on_fault {
    template <class Fault>
    void operator()(Fault) const {
        static_assert(sizeof(Fault) == 0,
                      "throw_on_fault: exceptions are turned off; write on_fault<Handler> with a "
                      "handler that stops or resets the device");
    }
};

#endif

} // namespace vmem

#endif
