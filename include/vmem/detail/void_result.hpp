// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_VOID_RESULT_HPP
#define VMEM_DETAIL_VOID_RESULT_HPP

#include <tl/expected.hpp>
#include <type_traits>
#include <utility>

namespace vmem::detail {

/// What `tl::expected<void, E>` is, in the size of `E`, an enumeration that names no error 0. A
/// processor returns it in a register, which saves a tenth of the code of a heap; and `value()` is
/// there, which `tl::expected<void, E>` lacks before its version 1.1. Interface and preconditions
/// are those of `std::expected<void, E>`.
template <class E>
    requires std::is_enum_v<E>
class void_result {
public:
    using value_type = void;
    using error_type = E;
    using unexpected_type = tl::unexpected<E>;

    constexpr void_result() noexcept = default;
    // NOLINTBEGIN(google-explicit-constructor): as those of `expected`
    constexpr void_result(const tl::unexpected<E>& failed) noexcept : error_(failed.value()) {}
    constexpr void_result(const tl::expected<void, E>& other) noexcept
        : error_(other ? E{} : other.error()) {}
    constexpr operator tl::expected<void, E>() const noexcept {
        return has_value() ? tl::expected<void, E>() : tl::make_unexpected(error_);
    }
    // NOLINTEND(google-explicit-constructor)

    [[nodiscard]] constexpr bool has_value() const noexcept { return error_ == E{}; }
    [[nodiscard]] constexpr explicit operator bool() const noexcept { return has_value(); }
    constexpr void operator*() const noexcept {}
    constexpr void value() const {
        if (!has_value()) {
#if defined(__cpp_exceptions)
            throw tl::bad_expected_access<E>(error_);
#else
            __builtin_trap();
#endif
        }
    }
    /// Precondition: there is an error.
    [[nodiscard]] constexpr const E& error() const noexcept { return error_; }
    [[nodiscard]] constexpr E error_or(E otherwise) const noexcept {
        return has_value() ? otherwise : error_;
    }
    constexpr void emplace() noexcept { error_ = {}; }

    template <class F>
    constexpr auto and_then(F&& next) const {
        using outcome = std::remove_cvref_t<std::invoke_result_t<F>>;
        return has_value() ? std::forward<F>(next)() : outcome(tl::make_unexpected(error_));
    }
    template <class F>
    constexpr auto or_else(F&& next) const {
        using outcome = std::remove_cvref_t<std::invoke_result_t<F, E>>;
        return has_value() ? outcome() : std::forward<F>(next)(error_);
    }
    template <class F>
    constexpr auto transform(F&& next) const {
        using value = std::remove_cv_t<std::invoke_result_t<F>>;
        if constexpr (std::is_void_v<value>) {
            if (has_value()) {
                std::forward<F>(next)();
            }
            return *this;
        } else {
            using outcome = tl::expected<value, E>;
            return has_value() ? outcome(std::forward<F>(next)())
                               : outcome(tl::make_unexpected(error_));
        }
    }
    template <class F>
    constexpr auto transform_error(F&& next) const {
        using outcome = tl::expected<void, std::remove_cv_t<std::invoke_result_t<F, E>>>;
        return has_value() ? outcome()
                           : outcome(tl::make_unexpected(std::forward<F>(next)(error_)));
    }

    [[nodiscard]] friend constexpr bool operator==(const void_result&,
                                                   const void_result&) noexcept = default;

private:
    E error_{};
};

} // namespace vmem::detail

#endif
