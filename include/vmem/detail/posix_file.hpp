// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_POSIX_FILE_HPP
#define VMEM_DETAIL_POSIX_FILE_HPP

#include <vmem/result.hpp>

#include <cstddef>

// Only where an operating system has files. A bare-metal C library may have <unistd.h> too, but
// only stubs behind it, and its compiler does not say __unix__.
#if __STDC_HOSTED__ && (defined(__unix__) || defined(__APPLE__)) && __has_include(<sys/file.h>)

#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

/// \file
/// The system calls around files that need care, and what their errors mean.
namespace vmem::detail {

/// What an errno means to the user; `otherwise` where it says nothing more than that it failed.
[[nodiscard]] constexpr errc file_error(int code, errc otherwise) noexcept {
    switch (code) {
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
    case ENAMETOOLONG:
        return errc::not_found;
    case EACCES:
    case EPERM:
        return errc::access_denied;
    case EISDIR:
    case ENXIO:
    case ENODEV:
        return errc::not_a_file;
    case EROFS:
        return errc::read_only;
    case EWOULDBLOCK:
    case ETXTBSY:
        return errc::in_use;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return errc::storage_full;
    case EOVERFLOW:
        return errc::too_large;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOLCK:
        return errc::no_resources;
    default:
        return otherwise;
    }
}

/// Repeats a system call that a signal interrupted.
template <class Call>
[[nodiscard]] auto uninterrupted(Call call) noexcept {
    auto outcome = call();
    while (outcome == -1 && errno == EINTR) {
        outcome = call();
    }
    return outcome;
}

/// Allocates the blocks of a file of `size` bytes; an errno, or 0. A file system that cannot do so
/// is none the worse for it: there, a full disk shows itself at a write.
[[nodiscard]] inline int reserve_blocks([[maybe_unused]] int file,
                                        [[maybe_unused]] off_t size) noexcept {
#if defined(_POSIX_ADVISORY_INFO) && _POSIX_ADVISORY_INFO > 0
    int code = EINTR;
    while (code == EINTR) {
        code = ::posix_fallocate(file, 0, size);
    }
    return code == EOPNOTSUPP || code == ENOSYS || code == EINVAL ? 0 : code;
#else
    return 0;
#endif
}

/// Makes the name of a new file durable: that is in its directory, not in the file. As good as the
/// system permits; a directory that may not be read cannot be synced.
inline void sync_directory_of(const char* path) noexcept {
    std::array<char, 4096> directory{'.'};
    if (const char* slash = std::strrchr(path, '/'); slash != nullptr) {
        // The root directory keeps its slash.
        const std::size_t length = slash == path ? 1 : static_cast<std::size_t>(slash - path);
        if (length >= directory.size()) {
            return;
        }
        std::memcpy(directory.data(), path, length);
    }
    const int file =
        uninterrupted([&] { return ::open(directory.data(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (file >= 0) {
        static_cast<void>(uninterrupted([&] { return ::fsync(file); }));
        ::close(file);
    }
}

/// Has the data of a file written to the medium.
[[nodiscard]] inline int sync_file(int file) noexcept {
#if defined(F_FULLFSYNC)
    // There, fsync leaves the data in the drive's cache.
    return uninterrupted([&] { return ::fcntl(file, F_FULLFSYNC); });
#else
    return uninterrupted([&] { return ::fdatasync(file); });
#endif
}

} // namespace vmem::detail

#endif

#endif
