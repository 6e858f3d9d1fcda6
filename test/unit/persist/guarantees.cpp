// SPDX-License-Identifier: BSL-1.0

// The cells of docs/guarantees.md that no other test fills: what was made durable, and then the
// process is killed, the power is cut, or any operation of the medium fails.

#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/policies.hpp>
#include <vmem/residency/concept.hpp>
#include <vmem/residency/memory_mapped.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/residency/resident_objects.hpp>
#include <vmem/storage/checked.hpp>
#include <vmem/storage/file_storage.hpp>
#include <vmem/storage/mirrored.hpp>
#include <vmem/storage/mmap_storage.hpp>
#include <vmem/storage/ram_storage.hpp>
#include <vmem/storage/storage_ref.hpp>

#include "contract/faulty.hpp"
#include "contract/flaky.hpp"
#include "contract/storage_contract.hpp"

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <doctest/doctest.h>
#include <string>
#include <type_traits>

#include <sys/wait.h>
#include <unistd.h>

namespace {

using vmem::contract::outcome;
using allocator = vmem::nonresident_linked_list_allocator;
using pages = vmem::paged<256, 4>;
using objects = vmem::resident_objects<1024, 8>;
using journal = vmem::durability<vmem::journaled<8192>>;

template <class Heap>
using number_in = vmem::vptr<std::uint32_t, Heap>;

/// Gives a root a value, or finds it; 0 if it cannot.
template <class Heap>
[[nodiscard]] bool set_number(Heap& heap, std::uint32_t value) {
    auto root = heap.template root<std::uint32_t>("number");
    if (root && *root == nullptr) {
        root = heap.template allocate<std::uint32_t>(1);
        if (!root || !heap.set_root("number", *root)) {
            return false;
        }
    }
    return root && heap.write(root->to_address(), std::as_bytes(std::span(&value, 1))).has_value();
}
template <class Heap>
[[nodiscard]] std::uint32_t number_of(Heap& heap) {
    const auto root = heap.template root<std::uint32_t>("number");
    std::uint32_t value = 0;
    return root && heap.read(root->to_address(), std::as_writable_bytes(std::span(&value, 1)))
               ? value
               : 0;
}

class file_name {
public:
    file_name() {
        const char* base = std::getenv("TMPDIR");
        path_ = std::string(base == nullptr ? "/tmp" : base) + "/vmem-guarantees-XXXXXX";
        const int file = mkstemp(path_.data());
        CHECK(file >= 0);
        close(file);
    }
    file_name(const file_name&) = delete;
    file_name& operator=(const file_name&) = delete;
    ~file_name() { unlink(path_.c_str()); }
    template <class Storage>
    [[nodiscard]] Storage open() const {
        return Storage::open(path_.c_str(), 65536).value();
    }

private:
    std::string path_;
};

TEST_CASE_TEMPLATE(
    "guarantees: a killed process leaves what it flushed", heap_type,
    vmem::heap<vmem::file_storage, pages, allocator, vmem::roots<1>>,
    vmem::heap<vmem::mmap_storage, vmem::memory_mapped<256>, allocator, vmem::roots<1>>,
    vmem::heap<vmem::file_storage, objects, allocator, vmem::roots<1>>,
    vmem::heap<vmem::file_storage, objects, allocator, vmem::roots<1>,
               vmem::durability<vmem::on_persist>>,
    vmem::heap<vmem::file_storage, pages, allocator, journal>) {
    using storage = typename heap_type::storage_type;
    const file_name file;
    std::array<int, 2> ends{};
    CHECK(pipe(ends.data()) == 0);
    const pid_t child = fork();
    if (child == 0) {
        heap_type heap(file.open<storage>());
        bool saved = heap.format().has_value() && set_number(heap, 42) && heap.flush().has_value();
        if constexpr (vmem::object_residency<typename heap_type::residency_type>) {
            saved = saved && set_number(heap, 43) && heap.persist().has_value();
        }
        const char said = saved ? 'y' : 'n';
        static_cast<void>(write(ends[1], &said, 1) == 1);
        for (;;) {
            pause();
        }
    }
    char said = 0;
    CHECK(read(ends[0], &said, 1) == 1);
    CHECK(said == 'y');
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    close(ends[0]);
    close(ends[1]);
    heap_type heap(file.open<storage>());
    CHECK(outcome(heap.open()) == "ok");
    const bool persists = vmem::object_residency<typename heap_type::residency_type>;
    CHECK(number_of(heap) == (persists ? 43 : 42));
}

template <class Medium>
struct plain_media {
    using storage = vmem::storage_ref<Medium>;
    Medium medium{vmem::ram_storage<20'000>{}};
    template <class Use>
    void each(Use use) {
        use(medium);
    }
    [[nodiscard]] storage fresh() { return storage(medium); }
    [[nodiscard]] vmem::result<storage> opened() { return storage(medium); }
};
template <class Medium>
struct checked_media : plain_media<Medium> {
    using storage = vmem::checked<vmem::storage_ref<Medium>, 128>;
    [[nodiscard]] storage fresh() {
        storage made{vmem::storage_ref(this->medium)};
        CHECK(outcome(made.format()) == "ok");
        return made;
    }
    [[nodiscard]] vmem::result<storage> opened() {
        return storage{vmem::storage_ref(this->medium)};
    }
};
template <class Medium>
struct mirrored_media : checked_media<Medium> {
    using half = vmem::checked<vmem::storage_ref<Medium>, 128>;
    using storage = vmem::mirrored<half, half>;
    Medium other{vmem::ram_storage<20'000>{}};
    template <class Use>
    void each(Use use) {
        use(this->medium);
        use(other);
    }
    [[nodiscard]] storage fresh() {
        half first{vmem::storage_ref(this->medium)};
        half second{vmem::storage_ref(other)};
        CHECK(outcome(first.format()) == "ok");
        CHECK(outcome(second.format()) == "ok");
        return storage::format(first, second).value();
    }
    [[nodiscard]] vmem::result<storage> opened() {
        return storage::open(half{vmem::storage_ref(this->medium)}, half{vmem::storage_ref(other)});
    }
};

using disk = vmem::contract::faulty<vmem::ram_storage<20'000>>;
template <class Media>
using unjournaled = vmem::heap<typename Media::storage, pages, allocator, vmem::roots<1>>;
template <class Media>
using with_journal = vmem::heap<typename Media::storage, pages, allocator, journal>;

template <class Heap, class Media>
void check_power_cut_after_flush() {
    Media media;
    {
        Heap heap(media.fresh());
        CHECK(outcome(heap.format()) == "ok");
        CHECK(set_number(heap, 42));
        CHECK(outcome(heap.flush()) == "ok");
        media.each([](disk& one) { one.cut_power(); });
    }
    media.each([](disk& one) { one.power_on(); });
    Heap heap(media.opened().value());
    CHECK(outcome(heap.open()) == "ok");
    CHECK(number_of(heap) == 42);
    CHECK(heap.invariants_hold().value());
}

TEST_CASE_TEMPLATE("guarantees: what was flushed survives a power cut right after it", media,
                   plain_media<disk>, checked_media<disk>, mirrored_media<disk>) {
    check_power_cut_after_flush<unjournaled<media>, media>();
    check_power_cut_after_flush<with_journal<media>, media>();
}

using shaky = vmem::contract::flaky<vmem::ram_storage<20'000>>;

/// Any operation of one medium fails, once; what was reported as durable is there at the next
/// start, and so is nothing that nobody wrote.
template <class Heap, class Media>
void check_media_errors(vmem::contract::failed_write how) {
    constexpr bool has_journal = std::is_same_v<Heap, with_journal<Media>>;
    std::uint64_t failed = 1;
    for (std::uint64_t n = 1; failed != 0; ++n) {
        Media media;
        std::uint32_t durable = 0;
        std::uint32_t tried = 0;
        {
            Heap heap(media.fresh());
            CHECK(outcome(heap.format()) == "ok");
            CHECK(set_number(heap, 1));
            CHECK(outcome(heap.flush()) == "ok");
            durable = tried = 1;
            media.medium.fail(n, 1, how);
            for (std::uint32_t value = 2; value < 7; ++value) {
                const bool set = set_number(heap, value);
                tried = set ? value : tried;
                durable = heap.flush() && set ? value : durable;
            }
            failed = media.medium.failed();
            media.medium.heal();
            // An error leaves a heap that works.
            CHECK((has_journal || heap.is_open()));
        }
        auto storage = media.opened();
        CHECK(storage.has_value());
        if (!storage) {
            continue;
        }
        Heap heap(std::move(*storage));
        const auto opened = heap.open();
        CAPTURE(n);
        if (!opened) {
            // Of a write that failed half-way a checked block cannot tell what it should be.
            CHECK(opened.error() == vmem::errc::corrupt);
            CHECK(how == vmem::contract::failed_write::stores_some);
            CHECK((std::is_same_v<Media, checked_media<shaky>>));
            continue;
        }
        const std::uint32_t found = number_of(heap);
        CHECK(found >= durable);
        CHECK(found <= tried);
    }
}

TEST_CASE_TEMPLATE("guarantees: whatever operation of the medium fails, what is durable stays",
                   media, plain_media<shaky>, checked_media<shaky>, mirrored_media<shaky>) {
    using vmem::contract::failed_write;
    for (const auto how :
         {failed_write::stores_nothing, failed_write::stores_some, failed_write::stores_all}) {
        check_media_errors<unjournaled<media>, media>(how);
        check_media_errors<with_journal<media>, media>(how);
    }
}

} // namespace
