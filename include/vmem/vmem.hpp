// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_VMEM_HPP
#define VMEM_VMEM_HPP

/// \file
/// All of vmem but <vmem/range_v3.hpp> and <vmem/allocator/memory_resource.hpp>. A firmware that
/// counts bytes includes the modules it composes instead; unused templates cost it nothing but
/// compile time.

#include <vmem/algorithm.hpp>
#include <vmem/allocator/buddy_allocator.hpp>
#include <vmem/allocator/concept.hpp>
#include <vmem/allocator/io_bound.hpp>
#include <vmem/allocator/nonresident_block_allocator.hpp>
#include <vmem/allocator/nonresident_buddy_allocator.hpp>
#include <vmem/allocator/nonresident_concept.hpp>
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/allocator/tlsf_allocator.hpp>
#include <vmem/any_ptr.hpp>
#include <vmem/any_ref.hpp>
#include <vmem/arrow.hpp>
#include <vmem/config.hpp>
#include <vmem/container/array.hpp>
#include <vmem/container/list.hpp>
#include <vmem/container/queue.hpp>
#include <vmem/cstring.hpp>
#include <vmem/device/i2c_bus.hpp>
#include <vmem/device/i2c_memory.hpp>
#include <vmem/device/irq_lock.hpp>
#include <vmem/device/sd_card.hpp>
#include <vmem/device/sd_link.hpp>
#include <vmem/device/sd_protocol.hpp>
#include <vmem/device/sd_start.hpp>
#include <vmem/device/serial_frame.hpp>
#include <vmem/device/serial_port.hpp>
#include <vmem/device/serial_server.hpp>
#include <vmem/device/serial_storage.hpp>
#include <vmem/device/spi_bus.hpp>
#include <vmem/device/spi_fram.hpp>
#include <vmem/device/spi_sram.hpp>
#include <vmem/eviction/arc.hpp>
#include <vmem/eviction/clock.hpp>
#include <vmem/eviction/clock_bits.hpp>
#include <vmem/eviction/concept.hpp>
#include <vmem/eviction/fifo.hpp>
#include <vmem/eviction/lirs.hpp>
#include <vmem/eviction/lru.hpp>
#include <vmem/eviction/priority.hpp>
#include <vmem/eviction/random.hpp>
#include <vmem/eviction/recorded.hpp>
#include <vmem/eviction/s3_fifo.hpp>
#include <vmem/eviction/sieve.hpp>
#include <vmem/eviction/tiny_lfu.hpp>
#include <vmem/eviction/two_queue.hpp>
#include <vmem/fwd.hpp>
#include <vmem/heap.hpp>
#include <vmem/persist/content_sum.hpp>
#include <vmem/persist/crc32c.hpp>
#include <vmem/persist/critical_section.hpp>
#include <vmem/persist/image.hpp>
#include <vmem/persist/journal_storage.hpp>
#include <vmem/persist/persist_all.hpp>
#include <vmem/persist/superblock.hpp>
#include <vmem/persist/transaction.hpp>
#include <vmem/persist/type_tag.hpp>
#include <vmem/pin.hpp>
#include <vmem/policies.hpp>
#include <vmem/ranges.hpp>
#include <vmem/residency/concept.hpp>
#include <vmem/residency/frame_table.hpp>
#include <vmem/residency/memory_mapped.hpp>
#include <vmem/residency/object_access.hpp>
#include <vmem/residency/object_arena.hpp>
#include <vmem/residency/object_cache.hpp>
#include <vmem/residency/object_images.hpp>
#include <vmem/residency/object_map.hpp>
#include <vmem/residency/object_ram.hpp>
#include <vmem/residency/object_slot.hpp>
#include <vmem/residency/object_store.hpp>
#include <vmem/residency/object_table.hpp>
#include <vmem/residency/object_views.hpp>
#include <vmem/residency/page_cache.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/residency/resident_objects.hpp>
#include <vmem/residency/translation.hpp>
#include <vmem/result.hpp>
#include <vmem/storable.hpp>
#include <vmem/storage/checked.hpp>
#include <vmem/storage/concatenated.hpp>
#include <vmem/storage/concept.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/storage/file_storage.hpp>
#include <vmem/storage/gathering.hpp>
#include <vmem/storage/mirrored.hpp>
#include <vmem/storage/mmap_storage.hpp>
#include <vmem/storage/partition.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/scattering.hpp>
#include <vmem/storage/storage_ref.hpp>
#include <vmem/storage/traced.hpp>
#include <vmem/throw_on_fault.hpp>
#include <vmem/unique_vptr.hpp>
#include <vmem/version.hpp>
#include <vmem/vptr.hpp>
#include <vmem/vref.hpp>

// The one module that needs Boost.
#if __has_include(<boost/intrusive/slist.hpp>)
#include <vmem/allocator/linked_list_allocator.hpp>
#endif

#endif
