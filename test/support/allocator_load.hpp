// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_SUPPORT_ALLOCATOR_LOAD_HPP
#define VMEM_TEST_SUPPORT_ALLOCATOR_LOAD_HPP

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

/// \file
/// The load that RAM allocators are measured with: blocks of 16 to 512 bytes, evenly spread.
namespace vmem::test {

/// A MiB at a multiple of a MiB, so that measurements do not depend on where it happens to be.
class aligned_arena {
public:
    [[nodiscard]] std::span<std::byte> bytes() {
        const auto address = reinterpret_cast<std::uintptr_t>(memory_.data());
        return std::span(memory_).subspan((0 - address) & (size - 1), size);
    }

private:
    static constexpr std::size_t size = 1024UL * 1024;
    std::vector<std::byte> memory_ = std::vector<std::byte>(2 * size);
};

[[nodiscard]] inline std::size_t load_size(std::mt19937_64& random) {
    return 16 + static_cast<std::size_t>(random() % 497);
}

/// Fills the allocator; the requested bytes per byte of arena.
template <class A>
[[nodiscard]] double density(A& allocator, std::size_t arena, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::size_t sum = 0;
    for (std::size_t size = load_size(random); allocator.allocate(size); size = load_size(random)) {
        sum += size;
    }
    return static_cast<double>(sum) / static_cast<double>(arena);
}

/// Fills the allocator to `live` requested bytes, then replaces random blocks by others, always
/// close to as many bytes. The number of allocations until one fails, at most `allocations`.
template <class A>
[[nodiscard]] std::size_t allocations_until_failure(A& allocator, std::size_t live,
                                                    std::size_t allocations, std::uint64_t seed) {
    struct block {
        void* p;
        std::size_t size;
    };
    std::mt19937_64 random(seed);
    std::vector<block> blocks;
    std::size_t sum = 0;
    for (std::size_t i = 0; i < allocations; ++i) {
        const std::size_t size = load_size(random);
        while (sum + size > live) {
            block& victim = blocks[static_cast<std::size_t>(random() % blocks.size())];
            if (!allocator.deallocate(victim.p, victim.size)) {
                return i;
            }
            sum -= victim.size;
            victim = blocks.back();
            blocks.pop_back();
        }
        const auto taken = allocator.allocate(size);
        if (!taken) {
            return i;
        }
        blocks.push_back({*taken, size});
        sum += size;
    }
    return allocations;
}

template <class A>
[[nodiscard]] bool keeps_in_use(A& allocator, std::size_t live, std::size_t allocations,
                                std::uint64_t seed) {
    return allocations_until_failure(allocator, live, allocations, seed) == allocations;
}

} // namespace vmem::test

#endif
