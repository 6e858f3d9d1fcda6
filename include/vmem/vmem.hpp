// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_VMEM_HPP
#define VMEM_VMEM_HPP

/// \file
/// All of vmem that needs no third-party library beyond those of the core. A firmware that counts bytes
/// includes the modules it composes instead; unused templates cost it nothing but compile time.

#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/any_ptr.hpp>
#include <vmem/cstring.hpp>
#include <vmem/eviction/clock.hpp>
#include <vmem/eviction/fifo.hpp>
#include <vmem/eviction/lru.hpp>
#include <vmem/eviction/random.hpp>
#include <vmem/eviction/sieve.hpp>
#include <vmem/fwd.hpp>
#include <vmem/heap.hpp>
#include <vmem/ranges.hpp>
#include <vmem/residency/page_cache.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/concatenated.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/storage/file_storage.hpp>
#include <vmem/storage/partition.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/storage_ref.hpp>
#include <vmem/throw_on_fault.hpp>
#include <vmem/version.hpp>
#include <vmem/vptr.hpp>

#endif
