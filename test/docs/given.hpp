// SPDX-License-Identifier: BSL-1.0
//
// What the pages of docs take for granted, for tools/docs.py, which compiles what they show. The
// first part is for all of them, and names that a page declares itself hide those here. What stands
// below the name of a page is for that page alone; below `then`, it comes after what the page
// declares.

#include <vmem/vmem.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace given {

using storage = vmem::ram_storage<65536>;
using allocator = vmem::nonresident_linked_list_allocator;
using memory = vmem::heap<storage, vmem::paged<512, 8>, allocator, vmem::roots<4>>;
extern memory heap;

// A bus for a chip on SPI.
struct my_bus {
    void select() noexcept;
    void deselect() noexcept;
    vmem::result<void> transfer(std::span<const std::byte> out, std::span<std::byte> in);
};

extern std::array<std::byte, 4096> arena;
extern std::span<std::byte> bytes;
extern unsigned sum;
extern std::size_t n;
extern vmem::address at, from, to, count;
template <class... Anything>
void use(Anything&&...);
template <class... Anything>
void report(Anything&&...);

} // namespace given
using namespace given;

// page algorithm.md
struct record {
    int date;
};
extern vmem::vptr<record, memory> records;

// page allocator/concept.md
struct block {
    void* p;
    std::size_t size;
};
extern std::array<block, 3> saved;
extern vmem::tlsf_allocator<> allocator;

// page allocator/memory_resource.md
#include <boost/container/map.hpp>
#include <functional>
#include <memory_resource>
#include <utility>
#include <vector>

// page allocator/nonresident_block_allocator.md
using my_fram = storage;

// page allocator/nonresident_buddy_allocator.md
using my_fram = storage;

// page container/array.md
#include <algorithm>
#include <numeric>

// page container/list.md
struct reading {
    int time;
    int value;
};
void print(int);

// page container/queue.md
struct message {
    int id;
};

// page device/README.md
using memory =
    vmem::heap<vmem::spi_sram<my_bus, vmem::chip::sram_23lc1024>, vmem::paged<512, 8>, allocator>;

// page device/i2c_memory.md
using my_bus = vmem::i2c_bus_archetype;

// page device/irq_lock.md
std::uint32_t __get_PRIMASK();
void __disable_irq();
void __set_PRIMASK(std::uint32_t);

// page device/serial_server.md
extern std::span<const std::byte> bytes_that_came;
void send(std::span<const std::byte>);
inline constexpr auto answer = [](std::span<const std::byte> part) { send(part); };

// page device/serial_storage.md
using my_port = vmem::serial_port_archetype;

// page eviction/README.md
extern std::array<bool, 8> pinned;
bool save(std::size_t slot);
void load(std::size_t slot);
template <std::size_t Slots>
using my_policy = vmem::clock<Slots>;

// page eviction/concept.md
// then
template <std::size_t Slots>
std::size_t my_policy<Slots>::victim(auto) noexcept {
    return Slots;
}

// page eviction/priority.md
inline constexpr std::size_t Slots = 8;
extern vmem::priority<Slots> policy;
bool in_use(std::size_t slot);
void give_back(std::size_t slot);

// page eviction/sieve.md
extern vmem::vptr<int, memory> a, b, c;

// page persist/crc32c.md
extern std::array<int, 4> header, payload;

// page persist/content_sum.md
extern std::array<int, 4> header, payload;

// page persist/journal.md
struct counter {
    int hits;
};

// page persist/persist_all.md
struct second;
using first =
    vmem::heap<storage, vmem::resident_objects<4096, 64>, vmem::nonresident_buddy_allocator<>>;
extern first first_heap;
extern vmem::heap<storage, vmem::resident_objects<4096, 64>, vmem::nonresident_buddy_allocator<>,
                  vmem::instance<second>>
    second_heap;

// page persist/critical_section.md
extern vmem::critical_section section;
void save();

// page persist/superblock.md
struct settings {
    int volume;
};
// then
extern vmem::vptr<settings, memory> p;

// page persist/transaction.md
using memory =
    vmem::heap<storage, vmem::paged<512, 8>, allocator, vmem::durability<vmem::journaled<16384>>>;
struct balanced {
    int balance;
};
using account = vmem::vptr<balanced, memory>;
struct settings {
    int volume;
};

// page range_v3.md
#include <range/v3/all.hpp>

// page residency/page_cache.md
extern storage device;

// page storage/concatenated.md
using fram = storage;
extern fram first_chip, second_chip;

// page storage/concept.md
#include <vmem/contract/faulty.hpp>
struct my_storage;
extern my_storage the_same_chip;
using vmem::errc;
using vmem::ram_storage;
using vmem::contract::fault_window;
using vmem::contract::faulty;
extern faulty<ram_storage<4096>> cut;
vmem::contract::survivors survivors_of(std::uint64_t bits, std::size_t size);
void check(const ram_storage<4096>& medium);

// page storage/gathering.md
extern given::storage storage;
std::span<const std::byte> next();

// page storage/mirrored.md
template <class Anything>
void alarm(Anything&&);
extern vmem::checked<vmem::file_storage> a, b;

// page storage/partition.md
using chip = storage;

// page storage/scattering.md
extern given::storage storage;
std::span<std::byte> next();
void begin_multiple_block_read(vmem::address from);
void receive(std::span<std::byte> piece);
vmem::result<void> end_multiple_block_read();

// page storage/traced.md
extern vmem::file_storage file;

// page unique_vptr.md
struct point {
    int x, y;
};
using memory =
    vmem::heap<storage, vmem::resident_objects<4096, 64>, vmem::nonresident_buddy_allocator<>>;

// page vptr.md
struct node;
extern vmem::vptr<node, memory> list;
