// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_EXAMPLES_WORD_COUNT_TEXT_HPP
#define VMEM_EXAMPLES_WORD_COUNT_TEXT_HPP

#include <cctype>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace demo {

/// Cuts a text into words: runs of the letters A to Z, in lower case. An apostrophe between two
/// letters is a part of the word. Of a word that is too long, the first `Longest` characters count.
template <std::size_t Longest>
class word_cutter {
public:
    /// Takes the next character of the text; calls `use(word)` if it ends a word.
    template <class Function>
    void take(char c, Function& use) {
        const auto code = static_cast<unsigned char>(c);
        if (std::isalpha(code) != 0) {
            if (std::exchange(apostrophe_, false)) {
                append('\'');
            }
            append(static_cast<char>(std::tolower(code)));
        } else if (c == '\'' && size_ != 0 && !apostrophe_) {
            apostrophe_ = true;
        } else {
            end(use);
        }
    }

    /// Ends the text, and with it a word.
    template <class Function>
    void end(Function& use) {
        if (size_ != 0) {
            use(std::string_view(word_, size_));
        }
        size_ = 0;
        apostrophe_ = false;
    }

private:
    void append(char c) {
        if (size_ < Longest) {
            word_[size_++] = c;
        }
    }

    char word_[Longest] = {};
    std::size_t size_ = 0;
    /// One came after a letter; the next character tells whether it belongs to the word.
    bool apostrophe_ = false;
};

/// Calls `use(word)` for each word of a file, which is read in small pieces, as a device would.
/// Returns why that was not possible; nothing if it was.
template <std::size_t LongestWord, class Function>
[[nodiscard]] std::string for_each_word(const std::string& path, Function use) {
    const auto close = [](std::FILE* file) { std::fclose(file); };
    const std::unique_ptr<std::FILE, decltype(close)> file(std::fopen(path.c_str(), "rb"), close);
    if (!file) {
        return std::generic_category().message(errno);
    }
    word_cutter<LongestWord> cutter;
    char piece[512];
    bool empty = true;
    std::size_t size = 0;
    do {
        size = std::fread(piece, 1, sizeof(piece), file.get());
        for (const char c : std::span(piece, size)) {
            cutter.take(c, use);
        }
        empty = empty && size == 0;
    } while (size == sizeof(piece)); // Less, and it is the end or an error.
    if (std::ferror(file.get()) != 0) {
        return std::generic_category().message(errno);
    }
    cutter.end(use);
    return empty ? "is empty" : "";
}

} // namespace demo

#endif
