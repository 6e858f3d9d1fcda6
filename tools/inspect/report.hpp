// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TOOLS_INSPECT_REPORT_HPP
#define VMEM_TOOLS_INSPECT_REPORT_HPP

#include <cstdarg>
#include <cstdio>

namespace vmem::inspect {

/// What is found, line by line on the standard output, and how much of it is damage.
class report {
public:
    /// `name` may be empty, for one more line of the same.
    [[gnu::format(printf, 3, 4)]] void line(const char* name, const char* format, ...) {
        std::va_list arguments;
        va_start(arguments, format);
        print(name, format, arguments);
        va_end(arguments);
    }
    [[gnu::format(printf, 2, 3)]] void damage(const char* format, ...) {
        ++damaged_;
        std::va_list arguments;
        va_start(arguments, format);
        print("DAMAGE", format, arguments);
        va_end(arguments);
    }
    [[nodiscard]] int damaged() const noexcept { return damaged_; }

private:
    static void print(const char* name, const char* format, std::va_list arguments) {
        std::printf("%-12s", name);
        std::vprintf(format, arguments);
        std::printf("\n");
    }

    int damaged_ = 0;
};

} // namespace vmem::inspect

#endif
