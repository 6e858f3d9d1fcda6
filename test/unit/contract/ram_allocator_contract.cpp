// SPDX-License-Identifier: BSL-1.0
#include "contract/ram_allocator_contract.hpp"

#include <vmem/allocator/concept.hpp>
#include <vmem/allocator/tlsf_allocator.hpp>

#include <cstddef>
#include <doctest/doctest.h>
#include <span>
#include <string>

/// \file
/// The contract is only worth what it finds: allocators with one fault each.
namespace {

using vmem::allocator_stats;
using vmem::default_alignment;
using vmem::errc;
using vmem::failure;
using vmem::result;
using sound = vmem::tlsf_allocator<64UL * 1024>;

template <class A>
[[nodiscard]] std::string
fault_of(const vmem::contract::ram_allocator_options& options = {.operations = 4000}) {
    const char* rule = vmem::contract::broken_ram_allocator_rule<A>(options);
    return rule == nullptr ? "none" : rule;
}

TEST_CASE("ram_allocator_contract: finds nothing in a sound allocator") {
    CHECK(fault_of<sound>() == "none");
    CHECK(fault_of<sound>({.seed = 7, .operations = 3000, .arena = 20'000}) == "none");
}

struct grants_nothing : sound {
    using sound::sound;
    [[nodiscard]] result<void*> allocate(std::size_t size, std::size_t align = default_alignment) {
        return sound::allocate(size == 0 ? 1 : size, align);
    }
};
struct rounds_before_it_compares : sound {
    using sound::sound;
    [[nodiscard]] result<void*> allocate(std::size_t size, std::size_t align = default_alignment) {
        return sound::allocate(size != 0 && size + 15 < 15 ? 16 : size, align);
    }
};
struct takes_any_alignment : sound {
    using sound::sound;
    [[nodiscard]] result<void*> allocate(std::size_t size, std::size_t align = default_alignment) {
        return sound::allocate(size, vmem::detail::is_power_of_two(align) ? align : 8);
    }
};
struct forgets_alignment : sound {
    using sound::sound;
    [[nodiscard]] result<void*> allocate(std::size_t size, std::size_t align = default_alignment) {
        return sound::allocate(size, align == 1024 ? 512 : align);
    }
};

TEST_CASE("ram_allocator_contract: requests") {
    CHECK(fault_of<grants_nothing>() == "a size of 0 must be zero_size");
    CHECK(fault_of<rounds_before_it_compares>() == "what can never fit must be out_of_memory");
    CHECK(fault_of<takes_any_alignment>() ==
          "an alignment that is not a power of two must be misaligned");
    CHECK(fault_of<forgets_alignment>() == "a block must be aligned");
}

struct counts_each_byte_twice : sound {
    using sound::sound;
    [[nodiscard]] allocator_stats stats() const noexcept {
        allocator_stats stats = sound::stats();
        stats.in_use *= 2;
        return stats;
    }
};
struct is_too_modest : sound {
    using sound::sound;
    [[nodiscard]] std::size_t largest_free() const noexcept { return sound::largest_free() / 2; }
    [[nodiscard]] allocator_stats stats() const noexcept {
        allocator_stats stats = sound::stats();
        stats.largest_free = largest_free();
        return stats;
    }
};
struct counts_no_failures : sound {
    using sound::sound;
    [[nodiscard]] allocator_stats stats() const noexcept {
        allocator_stats stats = sound::stats();
        stats.failures = 0;
        return stats;
    }
};

TEST_CASE("ram_allocator_contract: what it says of itself") {
    CHECK(fault_of<counts_each_byte_twice>() == "in_use must be within capacity and peak");
    CHECK(fault_of<is_too_modest>() == "more than largest_free must be out_of_memory");
    CHECK(fault_of<counts_no_failures>() == "failures must be counted");
    constexpr auto exactly = [](std::size_t size, std::size_t) { return size; };
    CHECK(fault_of<sound>({.footprint = exactly}) == "a block must not take more than is promised");
}

struct writes_behind_the_arena : sound {
    explicit writes_behind_the_arena(std::span<std::byte> arena) : sound(arena) {
        if (!arena.empty()) {
            *(arena.data() + arena.size()) = {};
        }
    }
};
struct gives_twice : sound {
    using sound::sound;
    [[nodiscard]] result<void*> allocate(std::size_t size, std::size_t align = default_alignment) {
        if (size != 100 || align > 16 || given_ == 3) {
            return sound::allocate(size, align);
        }
        if (given_ == 0) {
            last_ = sound::allocate(100);
        }
        given_ += last_ ? 1 : 0;
        return last_;
    }
    [[nodiscard]] result<void> deallocate(void* p, std::size_t size, std::size_t align) {
        given_ -= given_ != 0 && p == *last_ ? 1 : 0;
        return given_ != 0 && p == *last_ ? result<void>{} : sound::deallocate(p, size, align);
    }
    /// It believes that it has done nothing wrong.
    [[nodiscard]] allocator_stats stats() const noexcept {
        allocator_stats stats = sound::stats();
        stats.in_use += given_ > 1 ? (given_ - 1) * 112 : 0;
        stats.peak = stats.in_use > stats.peak ? stats.in_use : stats.peak;
        return stats;
    }

private:
    result<void*> last_ = nullptr;
    std::size_t given_ = 0;
};

TEST_CASE("ram_allocator_contract: memory that is not its own") {
    CHECK(fault_of<writes_behind_the_arena>() == "nothing beyond the arena may be written");
    CHECK(fault_of<gives_twice>() == "a block must not change another one");
}

struct loses_what_is_freed : sound {
    using sound::sound;
    [[nodiscard]] result<void> deallocate(void* p, std::size_t size, std::size_t align) {
        return size == 777 ? result<void>{} : sound::deallocate(p, size, align);
    }
};
struct believes_everything : sound {
    using sound::sound;
    [[nodiscard]] result<void> deallocate(void* p, std::size_t size, std::size_t align) {
        const auto freed = sound::deallocate(p, size, align);
        return !freed && freed.error() == errc::double_free ? result<void>{} : freed;
    }
};
struct mixes_up_errors : sound {
    using sound::sound;
    [[nodiscard]] result<void> deallocate(void* p, std::size_t size, std::size_t align) {
        const auto freed = sound::deallocate(p, size, align);
        return !freed && freed.error() == errc::double_free ? failure(errc::foreign_pointer)
                                                            : freed;
    }
};
struct looks_at_no_size : sound {
    using sound::sound;
    [[nodiscard]] result<void> deallocate(void* p, std::size_t size, std::size_t align) {
        return sound::deallocate(p, size == 264 ? 200 : size, align);
    }
};

TEST_CASE("ram_allocator_contract: freeing") {
    CHECK(fault_of<loses_what_is_freed>() == "when all is free, nothing is in use");
    CHECK(fault_of<believes_everything>() == "a block that is free already must be a double_free");
    CHECK(fault_of<mixes_up_errors>() == "a block that is free already must be a double_free");
    CHECK(fault_of<looks_at_no_size>() == "a block of another size must be a foreign_pointer");
}

struct loses_a_byte : sound {
    using sound::sound;
    [[nodiscard]] result<void*> reallocate(void* p, std::size_t old_size, std::size_t new_size,
                                           std::size_t align) {
        const auto moved = sound::reallocate(p, old_size, new_size, align);
        if (moved && *moved != p) {
            static_cast<std::byte*>(*moved)[0] ^= std::byte{1};
        }
        return moved;
    }
};
struct moves_when_it_shrinks : sound {
    using sound::sound;
    [[nodiscard]] result<void*> reallocate(void* p, std::size_t old_size, std::size_t new_size,
                                           std::size_t align) {
        return new_size == 1 ? vmem::detail::relocate<sound>(*this, p, old_size, new_size, align)
                             : sound::reallocate(p, old_size, new_size, align);
    }
};
struct agrees_to_any_place : sound {
    using sound::sound;
    [[nodiscard]] result<void> allocate_at(void* p, std::size_t size,
                                           std::size_t align = default_alignment) {
        const auto taken = sound::allocate_at(p, size, align);
        return !taken && taken.error() == errc::out_of_memory ? result<void>{} : taken;
    }
};

TEST_CASE("ram_allocator_contract: reallocate and allocate_at") {
    CHECK(fault_of<loses_a_byte>() == "reallocate must keep the contents");
    CHECK(fault_of<moves_when_it_shrinks>() == "a block must shrink in place");
    CHECK(fault_of<agrees_to_any_place>() == "bytes of a live block must be out_of_memory");
    CHECK(fault_of<sound>({.operations = 4000, .goes_on_alike_when_rebuilt = true}) != "none");
}

struct sorts_nothing : sound {
    using sound::sound;
    static void sort_free() noexcept {}
};
struct sees_no_arena : sound {
    using sound::sound;
    [[nodiscard]] result<void> allocate_at(void* p, std::size_t size,
                                           std::size_t align = default_alignment) {
        const auto taken = sound::allocate_at(p, size, align);
        return !taken && size > 64UL * 1024 ? failure(errc::double_free) : taken;
    }
};

TEST_CASE("ram_allocator_contract: an allocator that is built again") {
    CHECK(fault_of<sorts_nothing>() == "two allocators that are driven alike must answer alike");
    CHECK(fault_of<sees_no_arena>() == "a place beyond the arena must be a foreign_pointer");
}

/// Skips every 1000th request of all allocators of this type together.
struct has_global_state : sound {
    using sound::sound;
    [[nodiscard]] result<void*> allocate(std::size_t size, std::size_t align = default_alignment) {
        static std::size_t calls = 0;
        return ++calls % 1000 == 0 && size < 500 ? sound::allocate(size + 64, align)
                                                 : sound::allocate(size, align);
    }
    [[nodiscard]] result<void> deallocate(void* p, std::size_t size, std::size_t align) {
        const auto freed = sound::deallocate(p, size, align);
        return freed || size >= 500 ? freed : sound::deallocate(p, size + 64, align);
    }
};

TEST_CASE("ram_allocator_contract: two of a kind") {
    CHECK(fault_of<has_global_state>() != "none");
}

} // namespace
