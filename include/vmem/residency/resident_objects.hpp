// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_RESIDENCY_RESIDENT_OBJECTS_HPP
#define VMEM_RESIDENCY_RESIDENT_OBJECTS_HPP

#include <vmem/allocator/concept.hpp>
#include <vmem/allocator/tlsf_allocator.hpp>
#include <vmem/eviction/concept.hpp>
#include <vmem/eviction/sieve.hpp>
#include <vmem/residency/object_cache.hpp>
#include <vmem/storage/concept.hpp>

#include <cstddef>

namespace vmem {

/// Residency of `heap<>`: typed objects, each of which is in RAM whole or not at all. At most
/// `MaxObjects` are resident, in an arena of `ArenaBytes` that `Allocator`, any RAM allocator,
/// hands out; `Eviction` chooses which one leaves, and which is saved so that another can change.
///
/// With it a heap has `make_unique`, `dirty_limit<>`, `persist` and `restore`.
template <std::size_t ArenaBytes, std::size_t MaxObjects, class Allocator = tlsf_allocator<>,
          template <std::size_t> class Eviction = sieve>
struct resident_objects {
    static_assert(MaxObjects >= 1, "resident_objects: needs at least one object");
    static_assert(ArenaBytes >= 64, "resident_objects: the arena needs at least 64 bytes");
    static_assert(ArenaBytes <= 0xFFFFFFFF, "resident_objects: the arena is less than 4 GiB");
    static_assert((check_ram_allocator<Allocator>(), true));
    static_assert((check_eviction_policy<Eviction<MaxObjects>>(), true));

    using allocator_type = Allocator;
    /// The policy for that many slots.
    template <std::size_t Slots>
    using eviction = Eviction<Slots>;
    /// Bytes of the arena.
    static constexpr std::size_t arena_bytes = ArenaBytes;
    /// Objects that are resident at a time, at most.
    static constexpr std::size_t max_objects = MaxObjects;

    /// The cache for a storage and an address type, in which at most `DirtyLimit` bytes are
    /// unsaved.
    template <class Storage, class Address, bool Statistics, std::size_t DirtyLimit>
    using bind_limited = object_cache<Storage, Address, resident_objects, DirtyLimit, Statistics>;
};

} // namespace vmem

#endif
