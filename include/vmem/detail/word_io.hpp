// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_WORD_IO_HPP
#define VMEM_DETAIL_WORD_IO_HPP

#include <vmem/config.hpp>
#include <vmem/result.hpp>

#include <array>
#include <cstddef>
#include <span>

namespace vmem::detail {

/// Words of a medium, with an error that sticks: after the first failure reads give 0 and nothing
/// is transferred, so that a sequence of accesses is checked once, where it matters.
template <class Medium, class Word>
class word_io {
public:
    explicit word_io(Medium& medium) noexcept : medium_(medium) {}

    [[nodiscard]] Word get(address from) { return move(from, 1, false); }
    void put(address to, Word value) {
        words[0] = value;
        move(to, 1, true);
    }
    /// Fills the first `count` of `words`; returns the first.
    Word read(address from, std::size_t count) { return move(from, count, false); }
    /// Writes the first `count` of `words`.
    void write(address to, std::size_t count) { move(to, count, true); }
    void sync() {
        if (ok()) {
            note(medium_.sync());
        }
    }
    /// Replaces a word. Fails with corrupt, and changes nothing, if it is not `old`.
    void swap(address at, Word old, Word value) {
        if (get(at) != old) {
            fail(errc::corrupt);
        }
        put(at, value);
    }
    /// Makes the sequence fail for a reason of the caller's.
    void fail(errc code) {
        if (ok()) {
            outcome_ = failure(code);
        }
    }
    [[nodiscard]] bool ok() const noexcept { return outcome_.has_value(); }
    [[nodiscard]] const result<void>& outcome() const noexcept { return outcome_; }

    /// Those read or written last.
    std::array<Word, 3> words{};

private:
    Word move(address at, std::size_t count, bool out) {
        if (ok()) {
            const auto bytes = std::as_writable_bytes(std::span(words).first(count));
            note(out ? medium_.write(at, bytes) : medium_.read(at, bytes));
        }
        if (!ok()) {
            words[0] = 0;
        }
        return words[0];
    }
    void note(result<void> done) {
        // All addresses come from words of the medium, so a wrong one is a damaged word.
        if (!done && (done.error() == errc::out_of_range || done.error() == errc::null_pointer)) {
            done = failure(errc::corrupt);
        }
        outcome_ = done;
    }

    Medium& medium_;
    result<void> outcome_;
};

} // namespace vmem::detail

#endif
