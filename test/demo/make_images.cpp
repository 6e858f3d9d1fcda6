// SPDX-License-Identifier: BSL-1.0

// Makes the images that inspect_test.py looks at:
//
//     make_images FOLDER
//
// Each is a file named after what it is, of 64 KiB if not said otherwise.

#include <vmem/allocator/nonresident_block_allocator.hpp>
#include <vmem/allocator/nonresident_buddy_allocator.hpp>
#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/policies.hpp>
#include <vmem/residency/memory_mapped.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/residency/resident_objects.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/checked.hpp>
#include <vmem/storage/file_storage.hpp>
#include <vmem/storage/mmap_storage.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#include <sys/wait.h>
#include <unistd.h>

namespace {

constexpr vmem::address image_size = 65536;

std::string folder;

[[nodiscard]] std::string path_of(const char* name) {
    return folder + "/" + name;
}

template <class Result>
auto must(Result outcome) {
    if (!outcome) {
        std::fprintf(stderr, "make_images: %s\n", vmem::message(outcome.error()));
        std::exit(1);
    }
    if constexpr (!std::is_void_v<typename Result::value_type>) {
        return std::move(*outcome);
    }
}

[[nodiscard]] vmem::file_storage new_file(const char* name, vmem::address size = image_size) {
    const std::string path = path_of(name);
    ::unlink(path.c_str());
    return must(vmem::file_storage::open(path.c_str(), size));
}

/// Ten arrays, every other of which is freed again.
template <bool HasRoots, class Heap>
void fill(Heap& heap, std::size_t elements) {
    must(heap.format());
    vmem::vptr<std::uint32_t, Heap> blocks[10];
    for (auto& block : blocks) {
        block = must(heap.template allocate<std::uint32_t>(elements));
        block[0] = 42U;
    }
    for (std::size_t n = 0; n < 10; n += 2) {
        must(heap.deallocate(blocks[n]));
    }
    if constexpr (HasRoots) {
        must(heap.set_root("first", blocks[1]));
        must(heap.set_root("last", blocks[9]));
    }
    must(heap.flush());
}

template <class Heap, bool HasRoots = false, class Storage>
void make(Storage storage, std::size_t elements) {
    Heap heap(std::move(storage));
    fill<HasRoots>(heap, elements);
}

using linked_list = vmem::nonresident_linked_list_allocator;
using buddy = vmem::nonresident_buddy_allocator<>;
using pages = vmem::paged<512, 4>;
template <class Storage>
using journaled = vmem::heap<Storage, pages, buddy, vmem::durability<vmem::journaled<32768>>>;
using no_steal = vmem::heap<vmem::file_storage, vmem::paged<512, 16>, buddy,
                            vmem::durability<vmem::journaled_no_steal<32768>>>;

/// A file that is written in sectors.
struct sectors : vmem::file_storage {
    explicit sectors(vmem::file_storage file) : file_storage(std::move(file)) {}
    static constexpr vmem::storage_geometry geometry{
        .read_size = 64, .write_size = 64, .erase_size = 0, .atomic_write_size = 64};
};

/// Leaves a commit in the journal, and another transaction that has begun if that is wanted: the
/// process that does so ends without giving the heap an end.
template <class Heap = journaled<vmem::file_storage>>
void make_unfinished(const char* name, bool begin_another) {
    const pid_t child = ::fork();
    if (child != 0) {
        int status = 0;
        if (::waitpid(child, &status, 0) != child || status != 0) {
            std::fprintf(stderr, "make_images: %s cannot be made\n", name);
            std::exit(1);
        }
        return;
    }
    Heap heap(typename Heap::storage_type(new_file(name)));
    fill<true>(heap, 100);
    const auto root = must(heap.template root<std::uint32_t>("first"));
    root[1] = 43U;
    must(heap.commit());
    if (begin_another) {
        const auto more = must(heap.template allocate<std::uint32_t>(1000));
        for (int n = 0; n < 1000; ++n) {
            more[n] = 44U;
        }
    }
    ::_exit(0);
}

/// Leaves three objects to be brought home.
void make_persisted() {
    vmem::heap<vmem::file_storage, vmem::resident_objects<4096, 16>, buddy> heap(
        new_file("persisted"));
    must(heap.format());
    auto first = must(heap.make_unique<std::uint64_t>(1U));
    auto second = must(heap.make_unique<std::uint64_t>(2U));
    auto third = must(heap.make_unique<std::uint64_t>(3U));
    must(heap.persist());
    std::error_code failed;
    // What the heap does at its end is of no interest here.
    std::filesystem::copy_file(path_of("persisted"), path_of("copy"), failed);
    static_cast<void>(first.release());
    static_cast<void>(second.release());
    static_cast<void>(third.release());
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fputs("usage: make_images FOLDER\n", stderr);
        return 1;
    }
    folder = argv[1];
    make<vmem::heap<vmem::file_storage, pages, linked_list>>(new_file("linked_list"), 100);
    make<vmem::heap<vmem::file_storage, vmem::paged<64, 4>, linked_list>>(new_file("small_pages"),
                                                                          100);
    make<vmem::heap<vmem::file_storage, pages,
                    vmem::basic_nonresident_linked_list_allocator<std::uint64_t>,
                    vmem::address_bits<64>>>(new_file("wide"), 100);
    make<vmem::heap<vmem::file_storage, pages, buddy, vmem::roots<4>>, true>(new_file("buddy"),
                                                                             100);
    make<vmem::heap<vmem::file_storage, pages, vmem::nonresident_block_allocator<64>>>(
        new_file("blocks"), 16);
    make<vmem::heap<vmem::file_storage, pages, vmem::nonresident_buddy_allocator<8192>>>(
        new_file("unknown", 4 * image_size), 100);
    make<vmem::heap<vmem::file_storage, vmem::resident_objects<4096, 16>, buddy>>(
        new_file("objects"), 100);
    make<journaled<vmem::file_storage>, true>(new_file("journaled"), 100);
    make_persisted();
    std::filesystem::rename(path_of("copy"), path_of("persisted"));
    {
        vmem::checked<vmem::file_storage> storage(new_file("checked", vmem::address{256} * 516));
        must(storage.format());
        make<journaled<vmem::checked<vmem::file_storage>>, true>(std::move(storage), 100);
    }
    {
        static_cast<void>(new_file("mapped"));
        make<vmem::heap<vmem::mmap_storage, vmem::memory_mapped<>, linked_list>>(
            must(vmem::mmap_storage::open(path_of("mapped").c_str(), 0)), 100);
    }
    make_unfinished("committed", false);
    make_unfinished("interrupted", true);
    make_unfinished<no_steal>("no_steal", false);
    make_unfinished<journaled<sectors>>("sectors", false);
}
