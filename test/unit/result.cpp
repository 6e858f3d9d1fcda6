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
#if !defined(__cpp_lib_expected)
static_assert(sizeof(result<void>) == 1);
static_assert(std::is_trivially_copyable_v<result<void>>, "is returned in a register");
static_assert(std::is_convertible_v<result<void>, tl::expected<void, errc>>);
static_assert(std::is_convertible_v<tl::expected<void, errc>, result<void>>);
#endif
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

TEST_CASE("result: that of void has the interface of the others") {
    const result<void> good;
    const result<void> bad = failure(errc::timed_out);
    *good;
    CHECK(good == only_even(2));
    CHECK(good != bad);
    CHECK(bad == result<void>(failure(errc::timed_out)));
    result<void> mended = bad;
    mended.emplace();
    CHECK(mended);

    CHECK(*good.and_then([] { return half(4); }) == 2);
    CHECK(good.and_then([] { return half(5); }).error() == errc::misaligned);
    bool ran = false;
    CHECK(bad.and_then([&] { return ran = true, half(4); }).error() == errc::timed_out);
    CHECK(*good.transform([] { return 7; }) == 7);
    CHECK(bad.transform([&] { return ran = true, 7; }).error() == errc::timed_out);
    CHECK(bad.transform([&] { ran = true; }).error() == errc::timed_out);
    CHECK(good.or_else([&](errc) { return ran = true, only_even(3); }));
    CHECK_FALSE(ran);
    CHECK(good.transform([&] { ran = true; }));
    CHECK(ran);
    CHECK(bad.or_else([](errc e) { return e == errc::timed_out ? only_even(2) : only_even(1); }));
    CHECK(std::strcmp(bad.transform_error(message).error(), message(errc::timed_out)) == 0);
    CHECK(good.transform_error(message).has_value());
}

#if !defined(__cpp_lib_expected)
TEST_CASE("result: that of void converts to and from the library's") {
    const tl::expected<void, errc> theirs = only_even(5);
    REQUIRE_FALSE(theirs);
    CHECK(theirs.error() == errc::misaligned);
    const result<void> ours = theirs;
    CHECK(ours.error() == errc::misaligned);
    CHECK(result<void>(tl::expected<void, errc>()));
    CHECK(ours.error_or(errc::full) == errc::misaligned);
    CHECK(result<void>().error_or(errc::full) == errc::full);
}
#endif

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
