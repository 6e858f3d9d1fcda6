// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_ALLOCATOR_MEMORY_RESOURCE_HPP
#define VMEM_ALLOCATOR_MEMORY_RESOURCE_HPP

#include <vmem/allocator/concept.hpp>

#include <cstddef>
#include <memory_resource>
#include <new>

namespace vmem {

/// Lets std::pmr and Boost containers take their memory from a RAM allocator:
///
///     vmem::tlsf_allocator<> allocator(arena);
///     vmem::memory_resource resource(allocator);
///     std::pmr::vector<int> numbers(&resource);
///
/// The allocator must outlive the resource, which is a pointer to it and can be used in several
/// places. Not in <vmem/vmem.hpp>, for <memory_resource> is not for bare metal. Costs: those of the
/// allocator, and a virtual call.
template <class Allocator>
class memory_resource final : public std::pmr::memory_resource {
    static_assert((check_ram_allocator<Allocator>(), true));

public:
    explicit memory_resource(Allocator& allocator) noexcept : allocator_(&allocator) {}

    /// Whom it asks.
    [[nodiscard]] Allocator& allocator() const noexcept { return *allocator_; }

private:
    /// Throws std::bad_alloc where there is no room; without exceptions, traps.
    [[nodiscard]] void* do_allocate(std::size_t bytes, std::size_t align) override {
        const auto taken = allocator_->allocate(size_for(bytes), align);
        if (!taken) {
#if defined(__cpp_exceptions)
            throw std::bad_alloc();
#else
            __builtin_trap();
#endif
        }
        return *taken;
    }

    /// Traps where the allocator refuses: the program has freed twice, or what is not its own.
    void do_deallocate(void* p, std::size_t bytes, std::size_t align) override {
        if (!allocator_->deallocate(p, size_for(bytes), align)) {
            __builtin_trap();
        }
    }

    /// Without RTTI it cannot be told whether another resource has the same allocator: unequal
    /// resources are never wrong, and only cost a copy.
    [[nodiscard]] bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
        return this == &other;
    }

    /// An empty request must be granted here.
    [[nodiscard]] static constexpr std::size_t size_for(std::size_t bytes) noexcept {
        return bytes == 0 ? 1 : bytes;
    }

    Allocator* allocator_;
};

} // namespace vmem

#endif
