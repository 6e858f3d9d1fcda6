// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_BENCH_CONTROL_GROUP_HPP
#define VMEM_BENCH_CONTROL_GROUP_HPP

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/// A control group of Linux (version 1) for memory, which lasts as long as the object. All that its
/// processes make resident is counted: their own memory, what the system keeps for them, and what
/// they have in the page cache. It must be empty of processes when it ends.
class control_group {
public:
    control_group() {
        if (::mkdir(folder_.c_str(), 0755) == 0) {
            made_ = std::filesystem::exists(file("memory.limit_in_bytes"));
        }
    }
    ~control_group() { ::rmdir(folder_.c_str()); }
    control_group(const control_group&) = delete;
    control_group& operator=(const control_group&) = delete;

    /// False where there are none of version 1, or this process is not one that may make them.
    [[nodiscard]] bool made() const { return made_; }
    /// The calling process is in it from now on.
    [[nodiscard]] bool enter() const { return write("cgroup.procs", "0"); }
    /// The most that may be resident from now on. What is more is dropped, or this fails: of what
    /// is mapped from files, only what has been written to them.
    [[nodiscard]] bool limit(std::size_t bytes) const {
        return write("memory.limit_in_bytes", std::to_string(bytes)) &&
               write("memory.max_usage_in_bytes", "0");
    }
    /// The most bytes that have been resident since the limit was set.
    [[nodiscard]] std::size_t most() const {
        std::size_t bytes = 0;
        std::ifstream(file("memory.max_usage_in_bytes")) >> bytes;
        return bytes;
    }

private:
    [[nodiscard]] std::string file(const char* name) const { return folder_ + "/" + name; }

    [[nodiscard]] bool write(const char* name, const std::string& text) const {
        const int opened = ::open(file(name).c_str(), O_WRONLY | O_CLOEXEC);
        if (opened < 0) {
            return false;
        }
        const ssize_t written = ::write(opened, text.data(), text.size());
        ::close(opened);
        return written == static_cast<ssize_t>(text.size());
    }

    std::string folder_ = "/sys/fs/cgroup/memory/vmem_bench." + std::to_string(::getpid());
    bool made_ = false;
};

#endif
