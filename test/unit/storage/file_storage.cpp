// SPDX-License-Identifier: BSL-1.0
#include <vmem/storage/file_storage.hpp>

#include "contract/storage_contract.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <doctest/doctest.h>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <grp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

/// What the system calls below do; by default, what they always do.
struct system_faults {
    /// So many calls are interrupted before each that is not.
    int interruptions = 0;
    int interrupted = 0;
    /// Bytes that a call transfers at most.
    std::size_t longest_transfer = SIZE_MAX;
    int pread_error = 0;
    int pwrite_error = 0;
    int fdatasync_error = 0;
    int posix_fallocate_error = 0;
    int fdatasyncs = 0;
    int directory_syncs = 0;
    ino_t synced_directory = 0;
    /// What another process does before a lock is granted: gives this file this size.
    const char* file_to_grow = nullptr;
    off_t grown_size = 0;

    [[nodiscard]] bool interrupts() {
        if (interrupted < interruptions) {
            ++interrupted;
            return true;
        }
        interrupted = 0;
        return false;
    }
    [[nodiscard]] bool fails(int error) {
        errno = interrupts() ? EINTR : error;
        return interrupted != 0 || error != 0;
    }
};
system_faults faults;

/// What a test does to the system calls begins and ends with the test.
struct faults_only_here {
    faults_only_here() { faults = {}; }
    ~faults_only_here() { faults = {}; }
};

} // namespace

// The program's own definitions take the place of the C library's.
extern "C" {
ssize_t pread(int file, void* out, size_t count, off_t from) {
    if (faults.fails(faults.pread_error)) {
        return -1;
    }
    return syscall(SYS_pread64, file, out, (std::min)(count, faults.longest_transfer), from);
}
ssize_t preadv(int file, const iovec* parts, int count, off_t from) {
    if (faults.longest_transfer == SIZE_MAX && faults.pread_error == 0) {
        return syscall(SYS_preadv, file, parts, count, from, 0);
    }
    return pread(file, parts->iov_base, parts->iov_len, from);
}
ssize_t pwrite(int file, const void* in, size_t count, off_t to) {
    if (faults.fails(faults.pwrite_error)) {
        return -1;
    }
    const iovec part{.iov_base = const_cast<void*>(in),
                     .iov_len = (std::min)(count, faults.longest_transfer)};
    return pwritev(file, &part, 1, to);
}
int fdatasync(int file) {
    ++faults.fdatasyncs;
    return faults.fails(faults.fdatasync_error) ? -1
                                                : static_cast<int>(syscall(SYS_fdatasync, file));
}
int fsync(int file) {
    struct stat found{};
    if (fstat(file, &found) == 0 && S_ISDIR(found.st_mode)) {
        ++faults.directory_syncs;
        faults.synced_directory = found.st_ino;
    }
    return faults.fails(0) ? -1 : static_cast<int>(syscall(SYS_fsync, file));
}
int flock(int file, int operation) noexcept {
    if (faults.file_to_grow != nullptr) {
        CHECK(truncate(faults.file_to_grow, faults.grown_size) == 0);
    }
    return faults.fails(0) ? -1 : static_cast<int>(syscall(SYS_flock, file, operation));
}
int posix_fallocate(int file, off_t offset, off_t length) {
    if (faults.fails(faults.posix_fallocate_error)) {
        return errno;
    }
    return fallocate(file, 0, offset, length) == 0 ? 0 : errno;
}
}

namespace {

using vmem::address;
using vmem::errc;
using vmem::file_options;
using vmem::file_storage;
using vmem::contract::outcome;

static_assert(std::is_nothrow_move_constructible_v<file_storage> &&
              std::is_nothrow_move_assignable_v<file_storage>);
static_assert(!std::is_copy_constructible_v<file_storage> &&
              !std::is_copy_assignable_v<file_storage>);
static_assert(!vmem::fixed_size_storage<file_storage> &&
              !vmem::memory_mapped_storage<file_storage>);

const std::string ok = "ok";

/// A directory of its own for each test, removed with all that is in it.
class directory {
public:
    directory() {
        const char* base = std::getenv("TMPDIR");
        path_ = std::string(base == nullptr ? "/tmp" : base) + "/vmem-file_storage-XXXXXX";
        if (mkdtemp(path_.data()) == nullptr) {
            FAIL_CHECK("no temporary directory: " << path_);
        }
    }
    directory(const directory&) = delete;
    directory& operator=(const directory&) = delete;
    ~directory() {
        chmod(path_.c_str(), 0700);
        for (const std::string& name : names_) {
            if (unlink(name.c_str()) != 0) {
                rmdir(name.c_str());
            }
        }
        rmdir(path_.c_str());
    }

    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::string operator/(std::string_view name) {
        names_.push_back(path_ + "/" + std::string(name));
        return names_.back();
    }

private:
    std::string path_;
    std::vector<std::string> names_;
};

void make_file(const std::string& path, std::string_view contents) {
    std::FILE* file = std::fopen(path.c_str(), "wb");
    std::fwrite(contents.data(), 1, contents.size(), file);
    std::fclose(file);
}

/// Bytes; -1 if there is no such file.
[[nodiscard]] off_t size_of(const std::string& path) {
    struct stat found{};
    return stat(path.c_str(), &found) == 0 ? found.st_size : -1;
}

[[nodiscard]] std::string open_outcome(const std::string& path, address size,
                                       file_options options = {}) {
    return outcome(file_storage::open(path.c_str(), size, options));
}

/// Runs `body` in another process and returns what it returned; 1000 plus the signal that ended it.
template <class Body>
[[nodiscard]] int in_child(Body body) {
    const pid_t child = fork();
    if (child == 0) {
        _exit(body());
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

[[nodiscard]] int code_of(const vmem::result<file_storage>& opened) {
    return opened ? 0 : static_cast<int>(opened.error());
}

/// Of this process; one more if a file was left open.
[[nodiscard]] int open_descriptors() {
    int count = 0;
    for (int file = 0; file < 1024; ++file) {
        count += fcntl(file, F_GETFD) != -1 ? 1 : 0;
    }
    return count;
}

[[nodiscard]] ino_t inode_of(const std::string& path) {
    struct stat found{};
    return stat(path.c_str(), &found) == 0 ? found.st_ino : 0;
}

TEST_CASE("file_storage: contract") {
    directory here;
    int files = 0;
    const auto fresh = [&](address size) {
        return file_storage::open((here / std::to_string(++files)).c_str(), size).value();
    };
    vmem::contract::check_storage_contract([&] { return fresh(1); });
    vmem::contract::check_storage_contract([&] { return fresh(4095); });
    vmem::contract::check_storage_contract([&] { return fresh(3 * 4096); });
}

TEST_CASE("file_storage: what was synced is there when the file is opened again") {
    directory here;
    const std::string path = here / "image";
    vmem::contract::check_storage_reopens(
        [&] { return file_storage::open(path.c_str(), 10'000).value(); });
}

TEST_CASE("file_storage: makes a missing file, of zeros") {
    const faults_only_here guard;
    directory here;
    const std::string path = here / "image";
    const int descriptors = open_descriptors();
    CHECK(open_outcome(path, 10'000) == ok);
    CHECK(open_descriptors() == descriptors);
    // Without this a power cut can take the name of a file that was synced.
    CHECK(faults.directory_syncs == 1);
    CHECK(faults.synced_directory == inode_of(here.path()));
    auto storage = file_storage::open(path.c_str(), 10'000).value();
    CHECK(faults.directory_syncs == 1);
    CHECK(storage.size() == 10'000);
    CHECK(size_of(path) == 10'000);
    std::vector<std::byte> bytes(10'000, std::byte{1});
    CHECK(outcome(storage.read(0, bytes)) == ok);
    CHECK(std::ranges::count(bytes, std::byte{0}) == 10'000);
}

TEST_CASE("file_storage: the path may be relative or in the root directory") {
    const faults_only_here guard;
    directory here;
    const std::string path = here / "image";
    std::array<char, 4096> before{};
    CHECK(getcwd(before.data(), before.size()) != nullptr);
    CHECK(chdir(here.path().c_str()) == 0);
    CHECK(open_outcome("image", 100) == ok);
    CHECK(unlink("image") == 0);
    CHECK(open_outcome("./image", 100) == ok);
    CHECK(faults.directory_syncs == 2);
    CHECK(faults.synced_directory == inode_of(here.path()));
    CHECK(chdir(before.data()) == 0);
    CHECK(size_of(path) == 100);
    vmem::detail::sync_directory_of("/vmem-no-such-file");
    CHECK(faults.directory_syncs == 3);
    CHECK(faults.synced_directory == inode_of("/"));
    CHECK(open_outcome("/vmem-no-such-file", 100, {.create = false}) == message(errc::not_found));
}

TEST_CASE("file_storage: a file that holds something is taken as it is") {
    directory here;
    const std::string path = here / "image";
    make_file(path, "0123456789");
    CHECK(open_outcome(path, 11) == message(errc::wrong_size));
    CHECK(open_outcome(path, 9) == message(errc::wrong_size));
    CHECK(open_outcome(path, 1 << 20) == message(errc::wrong_size));
    CHECK(size_of(path) == 10);

    for (const address size : {address{10}, address{0}}) {
        auto storage = file_storage::open(path.c_str(), size).value();
        CHECK(storage.size() == 10);
        std::array<char, 10> text{};
        CHECK(outcome(storage.read(0, std::as_writable_bytes(std::span(text)))) == ok);
        CHECK(std::string_view(text.data(), 10) == "0123456789");
    }
}

TEST_CASE("file_storage: an empty file is one that is yet to be made") {
    directory here;
    const std::string path = here / "image";
    make_file(path, "");
    CHECK(open_outcome(path, 100, {.create = false}) == message(errc::wrong_size));
    CHECK(open_outcome(path, 100, {.read_only = true}) == message(errc::wrong_size));
    CHECK(file_storage::open(path.c_str(), 0).value().size() == 0);
    CHECK(size_of(path) == 0);
    CHECK(open_outcome(path, 100) == ok);
    CHECK(size_of(path) == 100);
}

TEST_CASE("file_storage: makes no file unless told to") {
    directory here;
    const std::string path = here / "image";
    CHECK(open_outcome(path, 100, {.create = false}) == message(errc::not_found));
    CHECK(open_outcome(path, 100, {.read_only = true}) == message(errc::not_found));
    CHECK(open_outcome(path, 0) == message(errc::not_found));
    CHECK(size_of(path) == -1);
}

TEST_CASE("file_storage: read-only") {
    directory here;
    const std::string path = here / "image";
    make_file(path, "0123456789");
    chmod(path.c_str(), 0400);
    auto storage = file_storage::open(path.c_str(), 10, {.read_only = true}).value();
    const std::array<std::byte, 2> in{};
    CHECK(outcome(storage.write(0, in)) == message(errc::read_only));
    CHECK(outcome(storage.write(9, in)) == message(errc::out_of_range));
    CHECK(outcome(storage.write(10, {})) == ok);
    CHECK(outcome(storage.sync()) == ok);
    std::array<char, 2> text{};
    CHECK(outcome(storage.read(0, std::as_writable_bytes(std::span(text)))) == ok);
    CHECK(std::string_view(text.data(), 2) == "01");
}

TEST_CASE("file_storage: what is no file is named") {
    directory here;
    const int descriptors = open_descriptors();
    CHECK(open_outcome(here.path() + "/missing/image", 100) == message(errc::not_found));
    make_file(here / "file", "x");
    CHECK(open_outcome(here / "file/image", 100) == message(errc::not_found));
    CHECK(open_outcome(here.path() + "/" + std::string(5000, 'x'), 100) ==
          message(errc::not_found));
    CHECK(open_outcome("", 100) == message(errc::not_found));
    CHECK(symlink("loop", (here / "loop").c_str()) == 0);
    CHECK(open_outcome(here / "loop", 100) == message(errc::not_found));
    CHECK(outcome(file_storage::open(nullptr, 100)) == message(errc::null_pointer));

    for (const bool read_only : {false, true}) {
        CAPTURE(read_only);
        const file_options options{.read_only = read_only};
        CHECK(open_outcome(here.path(), 100, options) == message(errc::not_a_file));
        CHECK(open_outcome("/dev/null", 100, options) == message(errc::not_a_file));
        CHECK(open_outcome("/dev/full", 100, options) == message(errc::not_a_file));
        const std::string pipe = here / "pipe";
        static_cast<void>(mkfifo(pipe.c_str(), 0600));
        CHECK(open_outcome(pipe, 100, options) == message(errc::not_a_file));
        CHECK(open_outcome(pipe, 0, options) == message(errc::not_a_file));
    }
    CHECK(open_descriptors() == descriptors);
}

TEST_CASE("file_storage: out of file descriptors") {
    directory here;
    const std::string path = here / "image";
    CHECK(in_child([&] {
              const rlimit limit{.rlim_cur = 0, .rlim_max = 0};
              return setrlimit(RLIMIT_NOFILE, &limit) == 0
                         ? code_of(file_storage::open(path.c_str(), 100))
                         : -1;
          }) == static_cast<int>(errc::no_resources));
}

TEST_CASE("file_storage: a symbolic link leads to its file") {
    directory here;
    const std::string path = here / "image";
    CHECK(symlink("image", (here / "link").c_str()) == 0);
    CHECK(open_outcome(here / "link", 100) == ok);
    CHECK(size_of(path) == 100);
}

TEST_CASE("file_storage: without permission it is access_denied") {
    directory here;
    const std::string unreadable = here / "unreadable";
    const std::string unwritable = here / "unwritable";
    make_file(unreadable, "x");
    make_file(unwritable, "x");
    chmod(unreadable.c_str(), 0000);
    chmod(unwritable.c_str(), 0444);
    chmod(here.path().c_str(), 0555);
    const std::string path = here / "image";
    // The superuser may do anything, so this is for somebody else to try.
    const auto as_nobody = [](auto body) {
        return in_child([&] {
            if (getuid() == 0 &&
                (setgroups(0, nullptr) != 0 || setgid(65534) != 0 || setuid(65534) != 0)) {
                return -1;
            }
            return body();
        });
    };
    const auto denied = static_cast<int>(errc::access_denied);
    CHECK(as_nobody([&] { return code_of(file_storage::open(path.c_str(), 100)); }) == denied);
    CHECK(as_nobody([&] { return code_of(file_storage::open(unreadable.c_str(), 1)); }) == denied);
    CHECK(as_nobody([&] { return code_of(file_storage::open(unwritable.c_str(), 1)); }) == denied);
    CHECK(as_nobody([&] {
              return code_of(file_storage::open(unwritable.c_str(), 1, {.read_only = true}));
          }) == 0);
}

TEST_CASE("file_storage: too large for the system") {
    directory here;
    const std::string path = here / "image";
    CHECK(open_outcome(path, (std::numeric_limits<address>::max)()) == message(errc::too_large));
    CHECK(size_of(path) == -1);
}

TEST_CASE("file_storage: reaches past 4 GiB") {
    if constexpr (sizeof(address) >= 8 && sizeof(off_t) >= 8) {
        directory here;
        const std::string path = here / "image";
        make_file(path, "");
        const address size = (address{1} << 32) + 10;
        CHECK(truncate(path.c_str(), static_cast<off_t>(size)) == 0);
        auto storage = file_storage::open(path.c_str(), 0).value();
        CHECK(storage.size() == size);
        const std::array<std::byte, 10> in{std::byte{1}, std::byte{2}};
        CHECK(outcome(storage.write(size - 10, in)) == ok);
        std::array<std::byte, 10> out{};
        CHECK(outcome(storage.read(size - 10, out)) == ok);
        CHECK(out == in);
        CHECK(outcome(storage.read(0, out)) == ok);
        CHECK(out == std::array<std::byte, 10>{});
        CHECK(outcome(storage.write(size - 9, in)) == message(errc::out_of_range));
    }
}

TEST_CASE("file_storage: a file cannot be opened twice in one process") {
    directory here;
    const std::string path = here / "image";
    const std::string other = here / "other";
    const int descriptors = open_descriptors();
    {
        auto first = file_storage::open(path.c_str(), 100).value();
        CHECK(open_outcome(path, 100) == message(errc::in_use));
        CHECK(open_outcome(path, 100, {.read_only = true}) == message(errc::in_use));
        CHECK(open_outcome(other, 100) == ok);

        // The lock goes where the storage goes.
        file_storage second = std::move(first);
        CHECK(open_outcome(path, 100) == message(errc::in_use));
        second = file_storage::open(other.c_str(), 100).value();
        CHECK(open_outcome(other, 100) == message(errc::in_use));
        CHECK(open_outcome(path, 100) == ok);
    }
    CHECK(open_outcome(other, 100) == ok);
    CHECK(open_descriptors() == descriptors);
}

TEST_CASE("file_storage: a file cannot be opened by two processes") {
    directory here;
    const std::string path = here / "image";
    {
        const auto held = file_storage::open(path.c_str(), 100).value();
        CHECK(in_child([&] { return code_of(file_storage::open(path.c_str(), 100)); }) ==
              static_cast<int>(errc::in_use));
        CHECK(open_outcome(path, 100) == message(errc::in_use));
    }
    CHECK(in_child([&] { return code_of(file_storage::open(path.c_str(), 100)); }) == 0);

    // Another process made the file after this one found it empty, and closed it.
    {
        const faults_only_here guard;
        const std::string other = here / "other";
        faults.file_to_grow = other.c_str();
        faults.grown_size = 5000;
        CHECK(open_outcome(other, 100) == message(errc::wrong_size));
        CHECK(size_of(other) == 5000);
    }

    // A process that is killed leaves no lock behind.
    std::array<int, 2> pipe_ends{};
    CHECK(pipe(pipe_ends.data()) == 0);
    const pid_t child = fork();
    if (child == 0) {
        const auto held = file_storage::open(path.c_str(), 100);
        const char done = held ? 'y' : 'n';
        static_cast<void>(write(pipe_ends[1], &done, 1) == 1);
        for (;;) {
            pause();
        }
    }
    char opened = 0;
    CHECK(read(pipe_ends[0], &opened, 1) == 1);
    CHECK(opened == 'y');
    CHECK(open_outcome(path, 100) == message(errc::in_use));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    CHECK(open_outcome(path, 100) == ok);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
}

TEST_CASE("file_storage: of many processes that make the same file, one gets it") {
    directory here;
    const std::string path = here / "image";
    constexpr int rivals = 8;
    std::array<int, 2> tried{};
    std::array<int, 2> end{};
    CHECK(pipe(tried.data()) == 0);
    CHECK(pipe(end.data()) == 0);
    std::array<pid_t, rivals> children{};
    for (pid_t& child : children) {
        child = fork();
        if (child == 0) {
            close(end[1]);
            const auto opened = file_storage::open(path.c_str(), 4096);
            char byte = 0;
            static_cast<void>(write(tried[1], &byte, 1) == 1);
            // The winner keeps it until the last has tried.
            static_cast<void>(read(end[0], &byte, 1) == 0);
            _exit(code_of(opened));
        }
    }
    for (int i = 0; i < rivals; ++i) {
        char byte = 0;
        CHECK(read(tried[0], &byte, 1) == 1);
    }
    for (const int descriptor : {tried[0], tried[1], end[0], end[1]}) {
        close(descriptor);
    }
    int winners = 0;
    for (const pid_t child : children) {
        int status = 0;
        waitpid(child, &status, 0);
        CHECK(WIFEXITED(status));
        winners += WEXITSTATUS(status) == 0 ? 1 : 0;
        CHECK((WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == static_cast<int>(errc::in_use)));
    }
    CHECK(winners == 1);
    CHECK(size_of(path) == 4096);
}

TEST_CASE("file_storage: a storage that was moved from holds nothing") {
    directory here;
    auto first = file_storage::open((here / "image").c_str(), 100).value();
    file_storage second = std::move(first);
    std::array<std::byte, 1> byte{};
    // NOLINTBEGIN(bugprone-use-after-move)
    CHECK(first.size() == 0);
    CHECK(outcome(first.read(0, byte)) == message(errc::out_of_range));
    CHECK(outcome(first.write(0, byte)) == message(errc::out_of_range));
    CHECK(outcome(first.sync()) == message(errc::sync_failed));
    // NOLINTEND(bugprone-use-after-move)
    file_storage& same = second;
    second = std::move(same);
    CHECK(outcome(second.read(99, byte)) == ok);
}

TEST_CASE("file_storage: is not bothered by signals and short transfers") {
    const faults_only_here guard;
    directory here;
    faults.interruptions = 3;
    faults.longest_transfer = 7;
    vmem::contract::check_storage_contract(
        [&, files = 0]() mutable {
            return file_storage::open((here / std::to_string(++files)).c_str(), 1000).value();
        },
        {.operations = 100});
}

/// Forty places, of all sizes, one after the other in the file and far apart in RAM.
struct many_places {
    std::vector<std::byte> bytes = std::vector<std::byte>(40UL * 100);
    std::size_t number = 0;

    [[nodiscard]] static std::size_t size(std::size_t n) { return 1 + n * 37 % 60; }
    std::span<std::byte> operator()() {
        const std::size_t n = number++;
        return n < 40 ? std::span(bytes).subspan((39 - n) * 100, size(n)) : std::span<std::byte>();
    }
    [[nodiscard]] address total() const {
        address sum = 0;
        for (std::size_t n = 0; n < 40; ++n) {
            sum += size(n);
        }
        return sum;
    }
    /// Whether they hold what an array of bytes counted up from `first` has.
    [[nodiscard]] bool counts_up_from(unsigned first) const {
        bool right = true;
        for (std::size_t n = 0; n < 40; ++n) {
            for (std::size_t i = 0; i < size(n); ++i) {
                right = right && bytes[(39 - n) * 100 + i] == static_cast<std::byte>(first++);
            }
        }
        return right;
    }
};

TEST_CASE("file_storage: reads to many places at once, however few bytes come at a time") {
    const faults_only_here guard;
    directory here;
    auto storage = file_storage::open((here / "image").c_str(), 5000).value();
    std::vector<std::byte> all(5000);
    for (std::size_t n = 0; n < all.size(); ++n) {
        all[n] = static_cast<std::byte>(n);
    }
    CHECK(outcome(storage.write(0, all)) == ok);
    for (const std::size_t longest : {SIZE_MAX, std::size_t{7}, std::size_t{1}}) {
        faults.longest_transfer = longest;
        faults.interruptions = longest == 7 ? 2 : 0;
        many_places places;
        CHECK(outcome(storage.read_scattered(100, places.total(), places)) == ok);
        CHECK(places.counts_up_from(100));
    }
    faults.longest_transfer = SIZE_MAX;
    faults.interruptions = 0;
    many_places places;
    CHECK(outcome(storage.read_scattered(4999, places.total(), places)) ==
          message(errc::out_of_range));
    CHECK(places.number == 0);
    faults.pread_error = EIO;
    CHECK(outcome(storage.read_scattered(0, places.total(), places)) == message(errc::read_failed));
    faults.pread_error = 0;
    CHECK(truncate((here / "image").c_str(), 50) == 0);
    many_places beyond;
    CHECK(outcome(storage.read_scattered(0, beyond.total(), beyond)) == message(errc::truncated));
}

TEST_CASE("file_storage: names what the system complains of") {
    const faults_only_here guard;
    directory here;
    auto storage = file_storage::open((here / "image").c_str(), 100).value();
    std::array<std::byte, 10> bytes{};
    faults.pread_error = EIO;
    CHECK(outcome(storage.read(0, bytes)) == message(errc::read_failed));
    faults.pread_error = 0;
    CHECK(outcome(storage.read(0, bytes)) == ok);
    for (const auto& [error, expected] : {std::pair{EIO, errc::write_failed},
                                          {EINVAL, errc::write_failed},
                                          {ENOSPC, errc::storage_full},
                                          {EDQUOT, errc::storage_full},
                                          {EFBIG, errc::storage_full}}) {
        CAPTURE(error);
        faults.pwrite_error = error;
        CHECK(outcome(storage.write(0, bytes)) == message(expected));
    }
    faults.pwrite_error = 0;
    faults.longest_transfer = 0;
    CHECK(outcome(storage.write(0, bytes)) == message(errc::write_failed));
    faults.longest_transfer = SIZE_MAX;
    CHECK(outcome(storage.write(0, bytes)) == ok);
}

TEST_CASE("file_storage: sync reaches the medium, and does not make up a success") {
    const faults_only_here guard;
    directory here;
    const std::string path = here / "image";
    {
        auto storage = file_storage::open(path.c_str(), 100).value();
        const int before = faults.fdatasyncs;
        CHECK(outcome(storage.sync()) == ok);
        CHECK(faults.fdatasyncs == before + 1);
        faults.fdatasync_error = EIO;
        CHECK(outcome(storage.sync()) == message(errc::sync_failed));
        // The system has dropped what it could not write, and says that all is well again.
        faults.fdatasync_error = 0;
        CHECK(outcome(storage.sync()) == message(errc::sync_failed));
        file_storage moved = std::move(storage);
        CHECK(outcome(moved.sync()) == message(errc::sync_failed));
    }
    auto storage = file_storage::open(path.c_str(), 100).value();
    CHECK(outcome(storage.sync()) == ok);
    faults.fdatasync_error = ENOSPC;
    CHECK(outcome(storage.sync()) == message(errc::storage_full));
}

TEST_CASE("file_storage: a file that was cut short behind its back is truncated") {
    directory here;
    const std::string path = here / "image";
    auto storage = file_storage::open(path.c_str(), 100).value();
    CHECK(truncate(path.c_str(), 50) == 0);
    std::array<std::byte, 20> bytes{};
    CHECK(outcome(storage.read(30, bytes)) == ok);
    CHECK(outcome(storage.read(31, bytes)) == message(errc::truncated));
    CHECK(outcome(storage.read(80, bytes)) == message(errc::truncated));
}

TEST_CASE("file_storage: a full disk shows itself when the file is made") {
    const faults_only_here guard;
    directory here;
    const std::string path = here / "image";
    const int descriptors = open_descriptors();
    for (const int error : {ENOSPC, EDQUOT}) {
        faults.posix_fallocate_error = error;
        CHECK(open_outcome(path, 100'000) == message(errc::storage_full));
        CHECK(size_of(path) == 0);
    }
    faults.posix_fallocate_error = EIO;
    CHECK(open_outcome(path, 100'000) == message(errc::write_failed));
    CHECK(open_descriptors() == descriptors);

    // Once there is room, nothing has to be cleared away first.
    faults.posix_fallocate_error = 0;
    CHECK(open_outcome(path, 100'000) == ok);
}

TEST_CASE("file_storage: its blocks are reserved where the file system can") {
    const faults_only_here guard;
    directory here;
    struct stat found{};
    const std::string reserved = here / "reserved";
    CHECK(open_outcome(reserved, 100'000) == ok);
    CHECK(stat(reserved.c_str(), &found) == 0);
    // Of the file systems that tests run on, all can.
    CHECK(found.st_blocks * 512 >= 100'000);

    for (const int error : {EOPNOTSUPP, EINVAL, ENOSYS}) {
        faults.posix_fallocate_error = error;
        CHECK(open_outcome(here / std::to_string(error), 100'000) == ok);
        CHECK(size_of(here / std::to_string(error)) == 100'000);
    }
}

TEST_CASE("file_storage: the system's limit on a file is a full disk") {
    directory here;
    const std::string fresh = here / "fresh";
    const std::string sparse = here / "sparse";
    make_file(sparse, "");
    CHECK(truncate(sparse.c_str(), 100'000) == 0);
    const auto limited = [](auto body) {
        return in_child([&] {
            signal(SIGXFSZ, SIG_IGN);
            const rlimit limit{.rlim_cur = 8192, .rlim_max = 8192};
            return setrlimit(RLIMIT_FSIZE, &limit) == 0 ? body() : -1;
        });
    };
    const auto full = static_cast<int>(errc::storage_full);
    CHECK(limited([&] { return code_of(file_storage::open(fresh.c_str(), 100'000)); }) == full);
    CHECK(size_of(fresh) == 0);
    CHECK(limited([&] { return code_of(file_storage::open(fresh.c_str(), 8192)); }) == 0);
    CHECK(limited([&] {
              auto storage = file_storage::open(sparse.c_str(), 0).value();
              const std::vector<std::byte> bytes(20'000, std::byte{1});
              const auto partly = storage.write(0, bytes);
              const auto not_at_all = storage.write(50'000, bytes);
              return !partly && !not_at_all && partly.error() == not_at_all.error()
                         ? static_cast<int>(partly.error())
                         : 0;
          }) == full);
}

} // namespace
