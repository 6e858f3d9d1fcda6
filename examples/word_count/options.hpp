// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_EXAMPLES_WORD_COUNT_OPTIONS_HPP
#define VMEM_EXAMPLES_WORD_COUNT_OPTIONS_HPP

#include <vmem/vmem.hpp>

#include "fail.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <unistd.h>

namespace demo {

inline constexpr const char* help =
    R"(Counts the words of texts. The counts are in virtual memory, of which 4 KiB are in RAM at a time.

usage: word_count [--check] [--memory BYTES] [--store FILE] [TEXT...]

  --check         count with std::unordered_map too, and compare
  --memory BYTES  size of the virtual memory; otherwise three times that of the texts, but at least
                  262144 and at most 67108864
  --store FILE    keep the virtual memory in FILE; otherwise it is in a temporary file
  --help          this text

Without TEXT it counts the GNU General Public License. A word is a run of the letters A to Z, in lower
case, and of apostrophes between them; if it has more than 255 characters, the first 255 count.
)";

struct options {
    std::vector<std::string> texts;
    /// Empty: a temporary file.
    std::string store;
    /// 0: what the texts need.
    vmem::address memory = 0;
    bool check = false;
};

/// What is counted if no text is named.
inline std::string default_text() {
    std::string license = "/usr/share/common-licenses/GPL-3"; // Every Debian has it.
    if (std::error_code error; std::filesystem::exists(license, error)) {
        return license;
    }
    const auto examples = std::filesystem::path(__FILE__).parent_path().parent_path();
    return (examples.parent_path() / "README.md").string();
}

inline vmem::address parse_bytes(const std::string& text) {
    vmem::address value = 0;
    const char* const end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, value);
    if (parsed.ec != std::errc{} || parsed.ptr != end || value == 0) {
        fail("--memory " + text, "not a number of bytes");
    }
    return value;
}

/// Understands the command line, or ends the program.
inline options parse(std::span<char* const> arguments) {
    options asked;
    bool only_texts = false;
    for (std::size_t i = 1; i < arguments.size(); ++i) {
        const std::string argument = arguments[i];
        const bool has_value = i + 1 < arguments.size();
        if (only_texts || !argument.starts_with('-')) {
            asked.texts.push_back(argument);
        } else if (argument == "--") {
            only_texts = true;
        } else if (argument == "--check") {
            asked.check = true;
        } else if (argument == "--memory" && has_value) {
            asked.memory = parse_bytes(arguments[++i]);
        } else if (argument == "--store" && has_value) {
            asked.store = arguments[++i];
        } else if (argument == "--help") {
            std::fputs(help, stdout);
            std::exit(0);
        } else {
            fail(argument, "not an option, or its value is missing; --help lists the options");
        }
    }
    if (asked.texts.empty()) {
        asked.texts.push_back(default_text());
    }
    return asked;
}

/// Bytes of virtual memory that the texts need, as a rule. Ends the program if one is not there.
inline vmem::address bytes_for(const std::vector<std::string>& texts) {
    vmem::address bytes = 0;
    for (const std::string& text : texts) {
        std::error_code error;
        const auto size = std::filesystem::file_size(text, error);
        if (!error) {
            bytes += 3 * static_cast<vmem::address>(size);
        } else if (error != std::errc::not_supported) { // A pipe has no size.
            fail(text, error.message());
        }
    }
    return (std::clamp)(bytes, vmem::address{256} << 10, vmem::address{64} << 20);
}

/// The file that was asked for. If none was, a temporary one, which has no name any more when this
/// returns: it goes when the program ends, however it ends.
inline vmem::file_storage open_store(const std::string& path, vmem::address bytes) {
    if (!path.empty()) {
        return must(vmem::file_storage::open(path.c_str(), bytes), path);
    }
    std::error_code error;
    const auto folder = std::filesystem::temp_directory_path(error);
    if (error) {
        fail("folder for temporary files", error.message());
    }
    std::string name = (folder / "word_count.XXXXXX").string();
    const int file = ::mkstemp(name.data());
    if (file < 0) {
        fail(name, std::generic_category().message(errno));
    }
    ::close(file);
    auto store = vmem::file_storage::open(name.c_str(), bytes);
    ::unlink(name.c_str());
    return must(std::move(store), name);
}

} // namespace demo

#endif
