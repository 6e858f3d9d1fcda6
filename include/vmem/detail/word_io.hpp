// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_WORD_IO_HPP
#define VMEM_DETAIL_WORD_IO_HPP

#include <vmem/config.hpp>
#include <vmem/result.hpp>

#include <span>

namespace vmem::detail {

/// Words of a medium, with an error that sticks: after the first failure reads give 0 and writes do
/// nothing, so that a sequence of them is checked once, where it matters.
template <class Medium, class Word>
class word_io {
public:
    explicit word_io(Medium& medium) noexcept : medium_(medium) {}

    [[nodiscard]] Word get(address from) {
        Word value = 0;
        if (outcome_) {
            note(medium_.read(from, std::as_writable_bytes(std::span{&value, 1})));
        }
        return outcome_ ? value : Word{0};
    }
    void put(address to, Word value) {
        if (outcome_) {
            note(medium_.write(to, std::as_bytes(std::span{&value, 1})));
        }
    }
    void sync() {
        if (outcome_) {
            note(medium_.sync());
        }
    }
    /// Makes the sequence fail for a reason of the caller's.
    void fail(errc code) {
        if (outcome_) {
            outcome_ = failure(code);
        }
    }
    [[nodiscard]] bool ok() const noexcept { return outcome_.has_value(); }
    [[nodiscard]] const result<void>& outcome() const noexcept { return outcome_; }

private:
    void note(const result<void>& done) {
        if (!done) {
            // All addresses come from words of the medium, so a wrong one is a damaged word.
            const bool astray =
                done.error() == errc::out_of_range || done.error() == errc::null_pointer;
            outcome_ = astray ? failure(errc::corrupt) : failure(done.error());
        }
    }

    Medium& medium_;
    result<void> outcome_;
};

} // namespace vmem::detail

#endif
