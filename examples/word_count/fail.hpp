// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_EXAMPLES_WORD_COUNT_FAIL_HPP
#define VMEM_EXAMPLES_WORD_COUNT_FAIL_HPP

#include <vmem/vmem.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <type_traits>
#include <utility>

#include <unistd.h>

namespace demo {

/// What is written to stderr while the program counts, if somebody watches.
inline void show_progress(std::uint64_t words) {
    if (words % 4096 == 0 && ::isatty(STDERR_FILENO) != 0) {
        std::fprintf(stderr, "\r%ju words", std::uintmax_t{words});
    }
}
inline void clear_progress() {
    if (::isatty(STDERR_FILENO) != 0) {
        std::fputs("\r\033[K", stderr);
    }
}

/// Ends the program with one line.
[[noreturn]] inline void fail(const std::string& what, const std::string& why) {
    clear_progress();
    std::fprintf(stderr, "word_count: %s: %s\n", what.c_str(), why.c_str());
    std::exit(1);
}

/// The value of a result. If there is none, the program ends and says why.
template <class Result>
typename Result::value_type must(Result outcome, const std::string& what) {
    if (!outcome) {
        fail(what, vmem::message(outcome.error()));
    }
    if constexpr (!std::is_void_v<typename Result::value_type>) {
        return *std::move(outcome);
    }
}

} // namespace demo

#endif
