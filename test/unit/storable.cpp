// SPDX-License-Identifier: BSL-1.0
#include <vmem/storable.hpp>

#include <array>
#include <doctest/doctest.h>
#include <memory>
#include <string>
#include <utility>

namespace {

struct plain {
    int x;
    double y;
};
struct with_constructor {
    explicit with_constructor(int v) : x(v) {}
    int x;
};
class with_destructor {
public:
    ~with_destructor() {}
};
class opted_in {
public:
    opted_in(const opted_in&) {}
};
class opted_out {
public:
    opted_out(const opted_out&) {}
};
template <class T>
class family {
public:
    ~family() {}
};
enum class colour : unsigned char { red };

} // namespace

template <>
inline constexpr bool vmem::enable_storable<opted_in> = true;
template <class T>
inline constexpr bool vmem::enable_storable<family<T>> = vmem::storable<T>;

namespace {

using vmem::storable;

static_assert(storable<int> && storable<bool> && storable<long double> && storable<colour>);
static_assert(storable<plain> && storable<const plain> && storable<with_constructor>);
static_assert(storable<std::array<plain, 4>>);
static_assert(storable<int*>, "trivially copyable; that it dies with the RAM is the user's matter");
static_assert(!storable<with_destructor> && !storable<std::string>);
static_assert(!storable<std::unique_ptr<int>>);
static_assert(storable<opted_in> && storable<const opted_in> && !storable<opted_out>);
static_assert(storable<family<int>> && !storable<family<std::string>>);
static_assert(storable<family<family<const int>>>);
static_assert(!storable<int&> && !storable<void> && !storable<const void> && !storable<int()>);
static_assert(!storable<int[3]>, "allocate several, or use std::array");
static_assert(!storable<volatile int> && !storable<const volatile int>);

TEST_CASE("storable: the check accepts what the concept accepts") {
    static_assert((vmem::check_storable<plain>(), true));
    static_assert((vmem::check_storable<const opted_in>(), true));
    CHECK(storable<plain>);
}

} // namespace
