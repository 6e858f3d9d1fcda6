// SPDX-License-Identifier: BSL-1.0
//
// What a durable commit costs: `durability<journaled<...>>` beside SQLite (WAL, synchronous=FULL)
// and LMDB (its default, which is durable). Each commit changes so many pages of 4 KiB, all of
// each, out of 4096 pages, chosen at random in the same order; all on the same disk, in the same
// run.
//
//     durability [FOLDER [SECONDS]]
//
// FOLDER, by default the current one, is on the disk in question. Commits are interleaved: one
// round of each of the three, and again, so that what else the disk does hits all alike. Written
// bytes are what the process handed to the system (/proc/self/io), divided by the bytes changed.
// Syncs are counted by taking the place of fsync, fdatasync and msync, so that those of LMDB's
// synchronous writes, of which each commit does one, do not show.
//
// Exit status: 0 if all targets are met. Run as `./run bench` does, with Google Benchmark's
// arguments, it writes what tools/bench_table.py reads, and leaves the verdict to that; the times
// are then those on the clock, because a commit waits more than it computes.

#include <vmem/allocator/nonresident_linked_list_allocator.hpp>
#include <vmem/heap.hpp>
#include <vmem/policies.hpp>
#include <vmem/residency/paged.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/storage/file_storage.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#if __has_include(<sqlite3.h>)
#include <sqlite3.h>
#endif
#if __has_include(<lmdb.h>)
#include <lmdb.h>
#endif

namespace {

std::uint64_t syncs = 0;

} // namespace

// The program's own definitions take the place of the C library's, for the yardsticks too.
extern "C" {
int fsync(int file) {
    ++syncs;
    return static_cast<int>(syscall(SYS_fsync, file));
}
int fdatasync(int file) {
    ++syncs;
    return static_cast<int>(syscall(SYS_fdatasync, file));
}
int msync(void* start, size_t length, int flags) {
    ++syncs;
    return static_cast<int>(syscall(SYS_msync, start, length, flags));
}
}

namespace {

constexpr std::size_t page_size = 4096;
constexpr std::size_t page_count = 4096;

using page = std::array<std::byte, page_size>;

void require(bool done, const char* what) {
    if (!done) {
        std::fprintf(stderr, "durability: %s failed\n", what);
        std::exit(2);
    }
}

/// Something that commits changed pages.
class store {
public:
    store() = default;
    store(const store&) = delete;
    store& operator=(const store&) = delete;
    virtual ~store() = default;

    [[nodiscard]] virtual const char* name() const = 0;
    virtual void commit(std::span<const std::uint32_t> pages, page& contents) = 0;
};

/// As much of a page as the store lets users fill without taking another one.
void change(page& contents, std::uint32_t number) {
    std::memcpy(contents.data(), &number, sizeof(number));
    contents[number % page_size] ^= std::byte{1};
}

class vmem_store : public store {
public:
    explicit vmem_store(const std::string& folder) : path_(folder + "/durability.vmem") {
        ::unlink(path_.c_str());
        auto file =
            vmem::file_storage::open(path_.c_str(), journal + (page_count + 64) * page_size);
        require(file.has_value(), "opening the file");
        heap_ = std::make_unique<memory>(std::move(*file));
        require(heap_->format().has_value(), "format");
        auto pages = heap_->allocate<page>(page_count);
        require(pages.has_value(), "allocate");
        first_ = pages->to_address();
        const page contents{};
        for (std::uint32_t n = 0; n < page_count; ++n) {
            write(n, contents);
            if (n % 64 == 63) {
                require(heap_->commit().has_value(), "commit");
            }
        }
    }
    ~vmem_store() override {
        heap_.reset();
        ::unlink(path_.c_str());
    }
    [[nodiscard]] const char* name() const override { return "vmem"; }
    void commit(std::span<const std::uint32_t> pages, page& contents) override {
        for (const std::uint32_t number : pages) {
            change(contents, number);
            write(number, contents);
        }
        require(heap_->commit().has_value(), "commit");
    }

private:
    static constexpr std::size_t journal = 1UL << 20;
    using memory = vmem::heap<vmem::file_storage, vmem::paged<page_size, 96>,
                              vmem::nonresident_linked_list_allocator,
                              vmem::durability<vmem::journaled<journal>>>;

    void write(std::uint32_t number, const page& contents) {
        const auto at = static_cast<memory::address_type>(first_ + number * page_size);
        require(heap_->write(at, contents).has_value(), "write");
    }

    std::string path_;
    std::unique_ptr<memory> heap_;
    memory::address_type first_ = 0;
};

#if __has_include(<sqlite3.h>)
class sqlite_store : public store {
public:
    explicit sqlite_store(const std::string& folder) : path_(folder + "/durability.sqlite") {
        remove();
        require(sqlite3_open(path_.c_str(), &database_) == SQLITE_OK, "sqlite3_open");
        run("PRAGMA page_size=4096");
        run("PRAGMA journal_mode=WAL");
        run("PRAGMA synchronous=FULL");
        run("CREATE TABLE pages(id INTEGER PRIMARY KEY, data BLOB)");
        run("BEGIN");
        sqlite3_stmt* insert = prepare("INSERT INTO pages VALUES(?1, ?2)");
        const page contents{};
        for (std::uint32_t n = 0; n < page_count; ++n) {
            step(insert, n, contents);
        }
        sqlite3_finalize(insert);
        run("COMMIT");
        run("PRAGMA wal_checkpoint(TRUNCATE)");
        update_ = prepare("UPDATE pages SET data=?2 WHERE id=?1");
        begin_ = prepare("BEGIN");
        end_ = prepare("COMMIT");
    }
    ~sqlite_store() override {
        for (sqlite3_stmt* const statement : {update_, begin_, end_}) {
            sqlite3_finalize(statement);
        }
        sqlite3_close(database_);
        remove();
    }
    [[nodiscard]] const char* name() const override { return "sqlite"; }
    void commit(std::span<const std::uint32_t> pages, page& contents) override {
        step(begin_);
        for (const std::uint32_t number : pages) {
            change(contents, number);
            step(update_, number, contents);
        }
        step(end_);
    }

private:
    /// Of a row that has a page to itself.
    static constexpr int row = 4000;

    void run(const char* text) {
        require(sqlite3_exec(database_, text, nullptr, nullptr, nullptr) == SQLITE_OK, text);
    }
    [[nodiscard]] sqlite3_stmt* prepare(const char* text) {
        sqlite3_stmt* made = nullptr;
        require(sqlite3_prepare_v2(database_, text, -1, &made, nullptr) == SQLITE_OK, text);
        return made;
    }
    static void step(sqlite3_stmt* statement) {
        require(sqlite3_step(statement) == SQLITE_DONE, "sqlite3_step");
        sqlite3_reset(statement);
    }
    static void step(sqlite3_stmt* statement, std::uint32_t number, const page& contents) {
        sqlite3_bind_int64(statement, 1, number);
        sqlite3_bind_blob(statement, 2, contents.data(), row, SQLITE_STATIC);
        step(statement);
    }
    void remove() const {
        for (const char* const suffix : {"", "-wal", "-shm"}) {
            ::unlink((path_ + suffix).c_str());
        }
    }

    std::string path_;
    sqlite3* database_ = nullptr;
    sqlite3_stmt* update_ = nullptr;
    sqlite3_stmt* begin_ = nullptr;
    sqlite3_stmt* end_ = nullptr;
};
#endif

#if __has_include(<lmdb.h>)
class lmdb_store : public store {
public:
    explicit lmdb_store(const std::string& folder) : path_(folder + "/durability.lmdb") {
        remove();
        require(mdb_env_create(&environment_) == 0, "mdb_env_create");
        require(mdb_env_set_mapsize(environment_, 256UL << 20) == 0, "mdb_env_set_mapsize");
        require(mdb_env_open(environment_, path_.c_str(), MDB_NOSUBDIR, 0644) == 0, "mdb_env_open");
        MDB_txn* const first = begin();
        require(mdb_dbi_open(first, nullptr, MDB_CREATE | MDB_INTEGERKEY, &table_) == 0,
                "mdb_dbi_open");
        page contents{};
        for (std::uint32_t n = 0; n < page_count; ++n) {
            put(first, n, contents);
        }
        require(mdb_txn_commit(first) == 0, "mdb_txn_commit");
    }
    ~lmdb_store() override {
        mdb_env_close(environment_);
        remove();
    }
    [[nodiscard]] const char* name() const override { return "lmdb"; }
    void commit(std::span<const std::uint32_t> pages, page& contents) override {
        MDB_txn* const changes = begin();
        for (const std::uint32_t number : pages) {
            change(contents, number);
            put(changes, number, contents);
        }
        require(mdb_txn_commit(changes) == 0, "mdb_txn_commit");
    }

private:
    /// Of a value that has a page to itself, beside that page's header.
    static constexpr std::size_t value = page_size - 16;

    [[nodiscard]] MDB_txn* begin() {
        MDB_txn* made = nullptr;
        require(mdb_txn_begin(environment_, nullptr, 0, &made) == 0, "mdb_txn_begin");
        return made;
    }
    void put(MDB_txn* changes, unsigned number, page& contents) const {
        MDB_val key{.mv_size = sizeof(number), .mv_data = &number};
        MDB_val data{.mv_size = value, .mv_data = contents.data()};
        require(mdb_put(changes, table_, &key, &data, 0) == 0, "mdb_put");
    }
    void remove() const {
        ::unlink(path_.c_str());
        ::unlink((path_ + "-lock").c_str());
    }

    std::string path_;
    MDB_env* environment_ = nullptr;
    MDB_dbi table_ = 0;
};
#endif

/// Bytes that this process has handed to the system.
[[nodiscard]] std::uint64_t bytes_written() {
    unsigned long long written = 0;
    if (std::FILE* const file = std::fopen("/proc/self/io", "r"); file != nullptr) {
        std::array<char, 128> line{};
        while (std::fgets(line.data(), line.size(), file) != nullptr) {
            static_cast<void>(std::sscanf(line.data(), "wchar: %llu", &written));
        }
        std::fclose(file);
    }
    return written;
}

struct measured {
    double seconds = 0;
    std::uint64_t commits = 0;
    std::uint64_t bytes = 0;
    std::uint64_t syncs = 0;
};

/// Commits of so many pages, the stores in turn, until each has had its time.
[[nodiscard]] std::vector<measured> measure(std::span<const std::unique_ptr<store>> stores,
                                            std::size_t pages, double seconds) {
    using clock = std::chrono::steady_clock;
    std::vector<measured> all(stores.size());
    std::vector<std::mt19937> random(stores.size());
    page contents{};
    const std::size_t round = std::max<std::size_t>(1, 32 / pages);
    while (all.front().seconds < seconds) {
        for (std::size_t n = 0; n < stores.size(); ++n) {
            measured& one = all[n];
            const std::uint64_t bytes = bytes_written();
            const std::uint64_t before = syncs;
            const auto start = clock::now();
            for (std::size_t i = 0; i < round; ++i) {
                std::vector<std::uint32_t> chosen;
                while (chosen.size() < pages) {
                    const auto number = static_cast<std::uint32_t>(random[n]() % page_count);
                    if (std::find(chosen.begin(), chosen.end(), number) == chosen.end()) {
                        chosen.push_back(number);
                    }
                }
                stores[n]->commit(chosen, contents);
            }
            one.seconds += std::chrono::duration<double>(clock::now() - start).count();
            one.commits += round;
            one.bytes += bytes_written() - bytes;
            one.syncs += syncs - before;
        }
    }
    return all;
}

/// A figure that must be at most `limit`.
struct figure {
    const char* what;
    double value;
    double limit;
};

/// What the process handed to the system for each byte that changed, and syncs per commit.
[[nodiscard]] std::array<figure, 2> figures_of(const measured& one, std::size_t pages) {
    const auto commits = static_cast<double>(one.commits);
    const auto changed = commits * static_cast<double>(pages * page_size);
    return {{{"bytes written for each byte changed", static_cast<double>(one.bytes) / changed, 2.3},
             {"syncs for a commit", static_cast<double>(one.syncs) / commits, 2}}};
}

[[nodiscard]] bool report(std::span<const std::unique_ptr<store>> stores, std::size_t pages,
                          const std::vector<measured>& all) {
    double fastest = 0;
    for (std::size_t n = 1; n < all.size(); ++n) {
        fastest = std::max(fastest, static_cast<double>(all[n].commits) / all[n].seconds);
    }
    bool met = true;
    for (std::size_t n = 0; n < all.size(); ++n) {
        const double rate = static_cast<double>(all[n].commits) / all[n].seconds;
        const auto figures = figures_of(all[n], pages);
        bool fine = n != 0 || rate >= fastest;
        for (const figure& one : figures) {
            fine = fine && (n != 0 || one.value <= one.limit);
        }
        std::printf("%5zu  %-8s %10.1f %10.2f %10.2f%s\n", pages, stores[n]->name(), rate,
                    figures[0].value, figures[1].value, fine ? "" : "   missed");
        met = met && fine;
    }
    return met;
}

/// One run as Google Benchmark writes it, or several.
class json_file {
public:
    explicit json_file(const std::string& path)
        : file_(path.empty() ? nullptr : std::fopen(path.c_str(), "w")) {
        put("{\"context\": {}, \"benchmarks\": [");
    }
    json_file(const json_file&) = delete;
    json_file& operator=(const json_file&) = delete;
    ~json_file() {
        put("\n]}\n");
        if (file_ != nullptr) {
            std::fclose(file_);
        }
    }
    void add(std::span<const std::unique_ptr<store>> stores, std::size_t pages,
             const std::vector<measured>& all) {
        for (std::size_t n = 0; n < all.size(); ++n) {
            begin("commit_of_" + std::to_string(pages) + "_pages", stores[n]->name());
            put(", \"run_type\": \"iteration\", \"time_unit\": \"us\", \"cpu_time\": " +
                std::to_string(1e6 * all[n].seconds / static_cast<double>(all[n].commits)));
            for (std::size_t other = 1; n == 0 && other < all.size(); ++other) {
                put(std::string(", \"target_") + stores[other]->name() + "\": 1");
            }
            put("}");
        }
        for (const figure& one : figures_of(all[0], pages)) {
            // The table knows lower bounds.
            begin(std::string("share of the limit left, of ") + std::to_string(pages) +
                      " pages: " + one.what,
                  "vmem");
            put(", \"run_type\": \"aggregate\", \"unit\": \"%\", \"least\": 0, \"value\": " +
                std::to_string(100 * (1 - one.value / one.limit)) + "}");
        }
    }

private:
    void begin(const std::string& what, const std::string& variant) {
        const std::string name = "durability/" + what + "/" + variant;
        put(std::string(first_ ? "\n" : ",\n") + "{\"name\": \"" + name + "\", \"run_name\": \"" +
            name + "\"");
        first_ = false;
    }
    void put(const std::string& text) {
        if (file_ != nullptr) {
            std::fputs(text.c_str(), file_);
        }
    }

    std::FILE* file_;
    bool first_ = true;
};

struct options {
    std::string folder = ".";
    double seconds = 5;
    /// Of Google Benchmark.
    bool foreign = false;
    bool wanted = true;
    std::string json;
};

[[nodiscard]] options parse(std::span<char*> arguments) {
    options chosen;
    int plain = 0;
    for (const std::string argument : arguments.subspan(1)) {
        const std::string value = argument.substr(argument.find('=') + 1);
        if (!argument.starts_with("--benchmark_")) {
            (plain == 0 ? chosen.folder : chosen.json) = argument;
            chosen.seconds = plain++ == 1 ? std::atof(argument.c_str()) : chosen.seconds;
            continue;
        }
        chosen.foreign = true;
        if (argument.starts_with("--benchmark_out=")) {
            chosen.json = value;
        } else if (argument.starts_with("--benchmark_min_time=")) {
            // What is enough for a computation is not for a disk.
            chosen.seconds = std::min(chosen.seconds, 100 * std::atof(value.c_str()));
        } else if (argument.starts_with("--benchmark_filter=")) {
            chosen.wanted = std::string("durability/commit").find(value) != std::string::npos;
        }
    }
    if (!chosen.foreign) {
        chosen.json.clear();
    }
    return chosen;
}

} // namespace

int main(int argc, char** argv) {
    const options chosen = parse(std::span(argv, static_cast<std::size_t>(argc)));
    json_file json(chosen.json);
    if (!chosen.wanted) {
        return 0;
    }
    std::vector<std::unique_ptr<store>> stores;
    stores.push_back(std::make_unique<vmem_store>(chosen.folder));
#if __has_include(<sqlite3.h>)
    stores.push_back(std::make_unique<sqlite_store>(chosen.folder));
#endif
#if __has_include(<lmdb.h>)
    stores.push_back(std::make_unique<lmdb_store>(chosen.folder));
#endif
    std::printf("pages  store     commits/s    written      syncs\n");
    bool met = true;
    for (const std::size_t pages : {1UL, 8UL, 64UL}) {
        const auto all = measure(stores, pages, chosen.seconds);
        met = report(stores, pages, all) && met;
        json.add(stores, pages, all);
    }
    return met || chosen.foreign ? 0 : 1;
}
