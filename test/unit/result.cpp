// SPDX-License-Identifier: BSL-1.0
#include <vmem/result.hpp>

#include <cstring>
#include <doctest/doctest.h>
#include <memory>
#include <set>
#include <string>
#include <type_traits>
#include <utility>

namespace {

using vmem::errc;
using vmem::failure;
using vmem::message;
using vmem::result;

static_assert(sizeof(errc) == 1);
static_assert(sizeof(result<void>) <= 2);
static_assert(sizeof(result<int>) == 2 * sizeof(int));
static_assert(std::is_trivially_copyable_v<errc>);
static_assert(std::is_nothrow_move_constructible_v<result<int>>);
static_assert(std::is_copy_constructible_v<result<void>>);
static_assert(!std::is_copy_constructible_v<result<std::unique_ptr<int>>>);
static_assert(std::is_convertible_v<failure, result<int>>);
static_assert(std::is_convertible_v<failure, result<void>>);
static_assert(std::is_same_v<result<int>::value_type, int>);
static_assert(std::is_same_v<result<void>::error_type, errc>);

[[nodiscard]] result<int> half(int n) {
    if (n % 2 != 0) {
        return failure(errc::misaligned);
    }
    return n / 2;
}
[[nodiscard]] result<void> only_even(int n) {
    if (const auto halved = half(n); !halved) {
        return failure(halved.error());
    }
    return {};
}

TEST_CASE("result: a value or an error") {
    CHECK(half(4));
    CHECK(*half(4) == 2);
    CHECK(half(4).value() == 2);
    CHECK(half(4).has_value());
    CHECK_FALSE(half(5));
    CHECK(half(5).error() == errc::misaligned);
    CHECK(half(5).value_or(-1) == -1);
    CHECK(only_even(4));
    CHECK(only_even(4).has_value());
    only_even(4).value();
    CHECK(only_even(5).error() == errc::misaligned);
    result<void> outcome;
    CHECK(outcome);
    outcome = failure(errc::read_failed);
    CHECK_FALSE(outcome);
    outcome = only_even(2);
    CHECK(outcome);
    const result<std::string> text = "abc";
    CHECK(text->size() == 3);
    result<std::unique_ptr<int>> owner = std::make_unique<int>(3);
    const std::unique_ptr<int> taken = *std::move(owner);
    CHECK(*taken == 3);
}

#if defined(__cpp_exceptions)
TEST_CASE("result: value() of an error throws") {
    CHECK_THROWS(static_cast<void>(half(5).value()));
    CHECK_THROWS(only_even(5).value());
    CHECK_NOTHROW(only_even(6).value());
}
#endif

TEST_CASE("result: every code has a sentence of its own") {
    std::set<std::string> sentences;
    const auto last = static_cast<unsigned>(errc::corrupt);
    for (unsigned code = 1; code <= last; ++code) {
        CAPTURE(code);
        const std::string sentence = message(static_cast<errc>(code));
        CHECK(sentence.size() > 5);
        CHECK(sentence != "unknown error");
        CHECK(sentence.back() != '.');
        CHECK(sentences.insert(sentence).second);
    }
    CHECK(sentences.size() == last);
    CHECK(std::strcmp(message(errc{}), "unknown error") == 0);
    CHECK(std::strcmp(message(static_cast<errc>(last + 1)), "unknown error") == 0);
    CHECK(std::strcmp(message(static_cast<errc>(255)), "unknown error") == 0);
    static_assert(message(errc::null_pointer) != nullptr, "usable at compile time");
}

} // namespace
