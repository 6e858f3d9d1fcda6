// SPDX-License-Identifier: BSL-1.0
#include <vmem/allocator/nonresident_concept.hpp>

#include <vmem/allocator/nonresident_linked_list_allocator.hpp>

#include "contract/nonresident_allocator_contract.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <string>
#include <string_view>

namespace {

using vmem::address;
using vmem::block_request;
using vmem::errc;
using vmem::failure;
using vmem::nonresident_stats;
using vmem::result;
using vmem::contract::broken_nonresident_allocator_rule;
using good = vmem::nonresident_linked_list_allocator;

template <class A>
inline constexpr bool is_allocator = vmem::nonresident_allocator<A, vmem::storage_archetype>;
static_assert(is_allocator<vmem::nonresident_allocator_archetype>);

// Each member is needed.
struct archetype : vmem::nonresident_allocator_archetype {};
static_assert(is_allocator<archetype>);
struct no_default_constructor : archetype {
    explicit no_default_constructor(int);
};
static_assert(!is_allocator<no_default_constructor>);
struct no_id : archetype {
    static constexpr std::array<int, 1> media_id{};
};
static_assert(!is_allocator<no_id>);
struct no_limit : archetype {
    static void max_address();
};
static_assert(!is_allocator<no_limit>);
struct no_format : archetype {
    static void format();
};
static_assert(!is_allocator<no_format>);
struct no_open : archetype {
    static void open();
};
static_assert(!is_allocator<no_open>);
struct no_settle : archetype {
    static void settle();
};
static_assert(!is_allocator<no_settle>);
struct no_allocate : archetype {
    [[nodiscard]] result<address> allocate(vmem::storage auto& medium, address size, address align);
};
static_assert(!is_allocator<no_allocate>);
struct no_deallocate : archetype {
    void deallocate(vmem::storage auto& medium, address block);
};
static_assert(!is_allocator<no_deallocate>);
struct no_largest_free : archetype {
    static void largest_free();
};
static_assert(!is_allocator<no_largest_free>);
struct no_invariants : archetype {
    static void invariants_hold();
};
static_assert(!is_allocator<no_invariants>);
struct no_stats : archetype {
    static void stats();
};
static_assert(!is_allocator<no_stats>);

// Below, allocators that break the contract, each in one way.

struct grants_less : good {
    [[nodiscard]] result<address> allocate(auto& medium, block_request request) {
        request.size = request.size > 200 ? request.size - 100 : request.size;
        return good::allocate(medium, request);
    }
};

struct ignores_alignment : good {
    [[nodiscard]] result<address> allocate(auto& medium, block_request request) {
        if (request.align == 64 && request.within == 0) {
            request.align = 32;
        }
        return good::allocate(medium, request);
    }
};

struct ignores_within : good {
    [[nodiscard]] result<address> allocate(auto& medium, block_request request) {
        const auto made = good::allocate(medium, request);
        if (!made || request.within == 0) {
            return made;
        }
        static_cast<void>(good::deallocate(medium, *made));
        request.within = 0;
        return good::allocate(medium, request);
    }
};

struct grants_nothing_for_zero : good {
    [[nodiscard]] result<address> allocate(auto& medium, block_request request) {
        request.size = request.size == 0 ? 1 : request.size;
        return good::allocate(medium, request);
    }
};

struct wraps_huge_sizes : good {
    [[nodiscard]] result<address> allocate(auto& medium, block_request request) {
        request.size = static_cast<std::uint32_t>(request.size);
        return good::allocate(medium, request);
    }
};

struct leaks : good {
    [[nodiscard]] result<void> deallocate(auto& medium, address block) {
        return ++frees_ % 50 == 0 ? result<void>{} : good::deallocate(medium, block);
    }
    unsigned frees_ = 0;
};

struct leaks_and_denies_it : good {
    [[nodiscard]] result<address> allocate(auto& medium, block_request request) {
        const auto made = good::allocate(medium, request);
        if (made && request.size == 200 && !lost_) {
            lost_ = good::allocate(medium, {.size = 8}).has_value();
        }
        return made;
    }
    [[nodiscard]] result<nonresident_stats> stats(auto& medium) {
        auto known = good::stats(medium);
        if (known && lost_) {
            known->in_use -= 16;
            known->blocks -= 1;
        }
        return known;
    }
    bool lost_ = false;
};

struct does_not_reuse : good {
    [[nodiscard]] result<address> allocate(auto& medium, block_request request) {
        // Every other hole is passed over.
        const auto first = good::allocate(medium, request);
        const auto second = good::allocate(medium, request);
        if (first && second) {
            static_cast<void>(good::deallocate(medium, *first));
            return second;
        }
        if (first) {
            static_cast<void>(good::deallocate(medium, *first));
            return failure(errc::out_of_memory);
        }
        return first;
    }
};

struct permits_double_free : good {
    [[nodiscard]] result<void> deallocate(auto& medium, address block) {
        const auto done = good::deallocate(medium, block);
        return !done && done.error() == errc::double_free ? result<void>{} : done;
    }
};

struct trusts_addresses : good {
    [[nodiscard]] result<void> deallocate(auto& medium, address block) {
        return good::deallocate(medium, block / 8 * 8);
    }
};

struct trusts_high_bits : good {
    [[nodiscard]] result<void> deallocate(auto& medium, address block) {
        return good::deallocate(medium, static_cast<std::uint32_t>(block));
    }
};

struct overstates : good {
    [[nodiscard]] result<address> largest_free(auto& medium) {
        auto known = good::largest_free(medium);
        return known && *known != 0 ? result<address>(*known + 1) : known;
    }
};

struct understates : good {
    [[nodiscard]] result<address> largest_free(auto& medium) {
        auto known = good::largest_free(medium);
        return known && *known != 0 ? result<address>(*known - 8) : known;
    }
};

struct miscounts : good {
    [[nodiscard]] result<nonresident_stats> stats(auto& medium) {
        auto known = good::stats(medium);
        if (known && known->blocks > 20) {
            --known->blocks;
        }
        return known;
    }
};

struct writes_before_the_region : good {
    [[nodiscard]] result<void> format(auto& medium, address begin, address end) {
        const std::array<std::byte, 1> one{};
        return end - begin > 1000 && !medium.write(begin - 1, one)
                   ? failure(errc::corrupt)
                   : good::format(medium, begin, end);
    }
};

struct writes_into_blocks : good {
    [[nodiscard]] result<void> deallocate(auto& medium, address block) {
        const auto done = good::deallocate(medium, block);
        const auto other = good::allocate(medium, {.size = 8});
        if (other) {
            // One byte too many.
            const std::array<std::byte, 33> zeros{};
            static_cast<void>(medium.write(*other, zeros));
            static_cast<void>(good::deallocate(medium, *other));
        }
        return done;
    }
};

unsigned shared_by_all = 0;

struct depends_on_others : good {
    [[nodiscard]] result<address> allocate(auto& medium, block_request request) {
        if (++shared_by_all % 7 == 0 && request.align < 64 && request.within == 0) {
            auto made = good::allocate(medium, {.size = request.size, .align = 64});
            if (made) {
                return made;
            }
        }
        return good::allocate(medium, request);
    }
};

struct forgets : good {
    [[nodiscard]] result<void> open(auto& medium, address begin, address end) {
        return good::format(medium, begin, end);
    }
};

struct refuses_small_regions_wrongly : good {
    [[nodiscard]] result<void> format(auto& medium, address begin, address end) {
        const auto made = good::format(medium, begin, end);
        return made ? made : failure(errc::too_large);
    }
};

struct fails_with_effect : good {
    [[nodiscard]] result<address> allocate(auto& medium, block_request request) {
        const auto made = good::allocate(medium, request);
        std::array<std::byte, 1> one{};
        if (const auto seen = medium.read(1024, one); made && !seen) {
            return failure(seen.error());
        }
        return made;
    }
};

struct succeeds_without_effect : good {
    [[nodiscard]] result<void> deallocate(auto& medium, address block) {
        const auto done = good::deallocate(medium, block);
        return !done && done.error() == errc::write_failed ? result<void>{} : done;
    }
};

struct forgets_what_was_interrupted : good {
    // A copy made before the call knows nothing of the fault.
    [[nodiscard]] result<address> allocate(auto& medium, block_request request) {
        const good before = *this;
        const auto made = good::allocate(medium, request);
        if (!made && made.error() == errc::write_failed) {
            static_cast<good&>(*this) = before;
        }
        return made;
    }
};

struct hides_faults : good {
    [[nodiscard]] result<void> settle(auto& medium) {
        static_cast<void>(good::settle(medium));
        return {};
    }
};

/// Whether the contract refuses `Allocator`, with a sentence that contains `words`.
template <class Allocator>
bool refused(std::string_view words) {
    const char* rule = broken_nonresident_allocator_rule<Allocator>();
    if (rule == nullptr || std::string_view(rule).find(words) == std::string_view::npos) {
        MESSAGE(std::string(rule == nullptr ? "not refused" : rule));
        return false;
    }
    return true;
}

TEST_CASE("non-resident allocator contract: refuses what breaks it, and says why") {
    CHECK(refused<grants_less>("must"));
    CHECK(refused<ignores_alignment>("must be aligned as requested"));
    CHECK(refused<ignores_within>("must not cross a multiple of within"));
    CHECK(refused<grants_nothing_for_zero>("cannot be granted must fail"));
    CHECK(refused<wraps_huge_sizes>("cannot be granted must fail"));
    CHECK(refused<leaks>("must count the live blocks"));
    CHECK(refused<leaks_and_denies_it>("all must be free in one piece"));
    CHECK(refused<does_not_reuse>("largest_free() bytes must be granted"));
    CHECK(refused<permits_double_free>("must be a double_free or a foreign_pointer"));
    CHECK(refused<trusts_addresses>("must be a double_free or a foreign_pointer"));
    CHECK(refused<trusts_high_bits>("must be a double_free or a foreign_pointer"));
    CHECK(refused<overstates>("largest_free"));
    CHECK(refused<understates>("must fail with the errc"));
    CHECK(refused<miscounts>("must count the live blocks"));
    CHECK(refused<writes_before_the_region>("nothing outside the region"));
    CHECK(refused<writes_into_blocks>("must"));
    CHECK(refused<depends_on_others>("must answer the same"));
    CHECK(refused<forgets>("must"));
    CHECK(refused<refuses_small_regions_wrongly>("must be wrong_size"));
    CHECK(refused<fails_with_effect>("must count the live blocks"));
    CHECK(refused<succeeds_without_effect>("must"));
    CHECK(refused<forgets_what_was_interrupted>("must"));
    CHECK(refused<hides_faults>("must be reported"));
}

TEST_CASE("non-resident allocator contract: accepts a good one at every seed") {
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
        CAPTURE(seed);
        CHECK(broken_nonresident_allocator_rule<good>({.seed = seed}) == nullptr);
    }
}

} // namespace
