// SPDX-License-Identifier: BSL-1.0
#include <vmem/storage/mmap_storage.hpp>

#include "contract/storage_contract.hpp"
#include "support/random_test.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <doctest/doctest.h>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

int msync_error = 0;
int msync_interruptions = 0;
int msyncs = 0;

} // namespace

// The program's own definition takes the place of the C library's.
extern "C" int msync(void* start, size_t length, int flags) {
    ++msyncs;
    if (msync_interruptions > 0) {
        --msync_interruptions;
        errno = EINTR;
        return -1;
    }
    if (msync_error != 0) {
        errno = msync_error;
        return -1;
    }
    return static_cast<int>(syscall(SYS_msync, start, length, flags));
}

namespace {

using vmem::address;
using vmem::errc;
using vmem::file_storage;
using vmem::mmap_storage;
using vmem::contract::outcome;

static_assert(std::is_nothrow_move_constructible_v<mmap_storage> &&
              std::is_nothrow_move_assignable_v<mmap_storage>);
static_assert(!std::is_copy_constructible_v<mmap_storage>);

/// A file name that nothing has, and nothing has when the test is over.
class file_name {
public:
    file_name() {
        const char* base = std::getenv("TMPDIR");
        path_ = std::string(base == nullptr ? "/tmp" : base) + "/vmem-mmap_storage-XXXXXX";
        const int file = mkstemp(path_.data());
        CHECK(file >= 0);
        close(file);
        unlink(path_.c_str());
    }
    file_name(const file_name&) = delete;
    file_name& operator=(const file_name&) = delete;
    ~file_name() { unlink(path_.c_str()); }
    [[nodiscard]] const char* path() const { return path_.c_str(); }

private:
    std::string path_;
};

TEST_CASE("mmap_storage: contract") {
    for (const address size : {address{1}, address{4097}, address{3} * 4096}) {
        vmem::contract::check_storage_contract([size] {
            const file_name file;
            return mmap_storage::open(file.path(), size).value();
        });
    }
    const file_name file;
    vmem::contract::check_storage_reopens(
        [&] { return mmap_storage::open(file.path(), 10'000).value(); });
}

TEST_CASE("mmap_storage: is the file that file_storage sees") {
    const file_name file;
    {
        auto storage = mmap_storage::open(file.path(), 5000).value();
        CHECK(storage.size() == 5000);
        storage.data()[4999] = std::byte{7};
        CHECK(outcome(storage.sync()) == "ok");
        CHECK(file_storage::open(file.path(), 0).error() == errc::in_use);
        CHECK(mmap_storage::open(file.path(), 0).error() == errc::in_use);
    }
    auto storage = file_storage::open(file.path(), 0).value();
    std::array<std::byte, 1> byte{};
    CHECK(outcome(storage.read(4999, byte)) == "ok");
    CHECK(byte[0] == std::byte{7});
}

TEST_CASE("mmap_storage: gathers and scatters") {
    const file_name file;
    auto storage = mmap_storage::open(file.path(), 100).value();
    std::array<std::byte, 6> bytes{};
    for (std::size_t n = 0; n < bytes.size(); ++n) {
        bytes[n] = static_cast<std::byte>(n + 1);
    }
    auto halves = [&bytes, n = std::size_t{0}]() mutable {
        const std::size_t at = n++;
        return at < 2 ? std::span(bytes).subspan(at * 3, 3) : std::span<std::byte>();
    };
    auto written = halves;
    CHECK(outcome(storage.write_gathered(90, 6, written)) == "ok");
    CHECK(storage.data()[95] == std::byte{6});
    bytes = {};
    auto found = halves;
    CHECK(outcome(storage.read_scattered(91, 6, found)) == "ok");
    CHECK(bytes[0] == std::byte{2});
    CHECK(bytes[5] == std::byte{0});
    CHECK(storage.read_scattered(95, 6, halves).error() == errc::out_of_range);
    CHECK(storage.write_gathered(95, 6, halves).error() == errc::out_of_range);
}

TEST_CASE("mmap_storage: refuses what file_storage refuses, and an empty file") {
    const file_name file;
    CHECK(mmap_storage::open(nullptr, 1).error() == errc::null_pointer);
    CHECK(mmap_storage::open("/", 1).error() == errc::not_a_file);
    CHECK(mmap_storage::open(file.path(), 0).error() == errc::not_found);
    CHECK(mmap_storage::open(file.path(), 100).has_value());
    CHECK(mmap_storage::open(file.path(), 101).error() == errc::wrong_size);
    CHECK(truncate(file.path(), 0) == 0);
    CHECK(mmap_storage::open(file.path(), 0).error() == errc::wrong_size);
}

TEST_CASE("mmap_storage: read-only") {
    const file_name file;
    CHECK(mmap_storage::open(file.path(), 100).has_value());
    auto storage = mmap_storage::open(file.path(), 100, {.read_only = true}).value();
    const std::array<std::byte, 2> in{};
    CHECK(storage.write(0, in).error() == errc::read_only);
    CHECK(storage.write(99, in).error() == errc::out_of_range);
    CHECK(outcome(storage.write(100, {})) == "ok");
    auto pieces = [&in, given = false]() mutable {
        return std::exchange(given, true) ? std::span<const std::byte>() : std::span(in);
    };
    CHECK(storage.write_gathered(0, 2, pieces).error() == errc::read_only);
    CHECK(outcome(storage.sync()) == "ok");
    CHECK(std::as_const(storage).data()[0] == std::byte{0});
}

TEST_CASE("mmap_storage: sync does not make up a success") {
    const file_name file;
    {
        auto storage = mmap_storage::open(file.path(), 100).value();
        const int before = msyncs;
        msync_interruptions = 2;
        CHECK(outcome(storage.sync()) == "ok");
        CHECK(msyncs == before + 3);
        msync_error = EIO;
        CHECK(storage.sync().error() == errc::sync_failed);
        msync_error = 0;
        CHECK(storage.sync().error() == errc::sync_failed);
        mmap_storage moved = std::move(storage);
        CHECK(moved.sync().error() == errc::sync_failed);
    }
    auto storage = mmap_storage::open(file.path(), 100).value();
    CHECK(outcome(storage.sync()) == "ok");
    msync_error = ENOSPC;
    CHECK(storage.sync().error() == errc::storage_full);
    msync_error = 0;
}

TEST_CASE("mmap_storage: a storage that was moved from holds nothing") {
    const file_name file;
    const file_name other;
    auto first = mmap_storage::open(file.path(), 100).value();
    std::byte* const bytes = first.data();
    mmap_storage second = std::move(first);
    CHECK(second.data() == bytes);
    std::array<std::byte, 1> byte{};
    // NOLINTBEGIN(bugprone-use-after-move)
    CHECK(first.size() == 0);
    CHECK(first.read(0, byte).error() == errc::out_of_range);
    CHECK(first.sync().error() == errc::sync_failed);
    // NOLINTEND(bugprone-use-after-move)
    second = mmap_storage::open(other.path(), 50).value();
    CHECK(second.size() == 50);
    CHECK(mmap_storage::open(file.path(), 100).has_value());
}

TEST_CASE("mmap_storage: no room in the address space") {
    // A sanitizer has taken it all for itself.
    if constexpr (!vmem::test::detail::sanitized && sizeof(void*) == 8) {
        const file_name file;
        CHECK(mmap_storage::open(file.path(), 1).has_value());
        CHECK(truncate(file.path(), off_t{1} << 32) == 0);
        const pid_t child = fork();
        if (child == 0) {
            const rlimit limit{.rlim_cur = rlim_t{1} << 31, .rlim_max = rlim_t{1} << 31};
            const bool limited = setrlimit(RLIMIT_AS, &limit) == 0;
            const auto opened = mmap_storage::open(file.path(), 0);
            _exit(limited && !opened && opened.error() == errc::too_large ? 0 : 1);
        }
        int status = 0;
        waitpid(child, &status, 0);
        CHECK(status == 0);
    }
}

} // namespace
