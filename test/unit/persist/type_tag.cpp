// SPDX-License-Identifier: BSL-1.0
#include <vmem/persist/type_tag.hpp>

#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <set>

namespace {

struct record {
    std::int32_t value;
};
struct other_record {
    std::int32_t value;
};
enum class colour : std::int32_t { red };

} // namespace

template <>
inline constexpr std::uint32_t vmem::type_tag<other_record> = 7;

namespace {

// In images, so they never change.
static_assert(vmem::type_tag<char8_t> == 0x00040001);
static_assert(vmem::type_tag<std::uint32_t> == 0x00040004);
static_assert(vmem::type_tag<std::int32_t> == 0x000C0004);
static_assert(vmem::type_tag<float> == 0x000A0004);
static_assert(vmem::type_tag<colour> == 0x00040004);
static_assert(vmem::type_tag<record> == 0x00010004);
static_assert(vmem::type_tag<other_record> == 7);

TEST_CASE("type_tag: tells types of the same size apart") {
    const std::set<std::uint32_t> tags{vmem::type_tag<std::uint32_t>, vmem::type_tag<std::int32_t>,
                                       vmem::type_tag<float>, vmem::type_tag<record>,
                                       vmem::type_tag<other_record>};
    CHECK(tags.size() == 5);
}

} // namespace
