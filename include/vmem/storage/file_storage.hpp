// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_STORAGE_FILE_STORAGE_HPP
#define VMEM_STORAGE_FILE_STORAGE_HPP

#include <vmem/config.hpp>
#include <vmem/detail/posix_file.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>
#include <vmem/storage/gathering.hpp>
#include <vmem/storage/scattering.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

// See detail/posix_file.hpp.
#if __STDC_HOSTED__ && (defined(__unix__) || defined(__APPLE__)) && __has_include(<sys/file.h>)

#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

namespace vmem {

/// How `file_storage::open` treats the file.
struct file_options {
    /// Leaves the file as it is: `write` fails with read_only, and no file is made.
    bool read_only = false;
    /// Makes the file if there is none.
    bool create = true;
};

/// A storage in a file of a POSIX system. The size is fixed when it is opened. An advisory lock
/// keeps the file from being opened a second time, by this process or another, until the object
/// ends; it is the file description that is locked (`flock`), so a forked child shares it.
///
/// `read` and `write` are one system call each, unless the system interrupts or shortens it; `sync`
/// is `fdatasync`. All run through the system's page cache, so a write may be torn anywhere.
class file_storage {
public:
    /// Opens `path`. If there is no such file or it is empty, it becomes `size` zero bytes, and its
    /// blocks are reserved, so that a full disk shows itself here and not at a later write. A file
    /// that holds anything is taken as it is, and must have `size` bytes, or any number if `size`
    /// is 0.
    ///
    /// A creation that is cut short, by a power cut too, leaves no file, an empty one, or a
    /// complete one whose blocks are not all reserved.
    ///
    /// Errors: null_pointer; not_found (a directory of the path is missing, or the file is and is
    /// not to be made); not_a_file (a directory, a device, a pipe); access_denied; read_only (the
    /// file system is); in_use; wrong_size; too_large (for the system's or this library's
    /// addresses); storage_full, which leaves an empty file; no_resources; read_failed or
    /// write_failed (any other).
    [[nodiscard]] static result<file_storage> open(const char* path, address size,
                                                   file_options options = {}) noexcept {
        if (path == nullptr) {
            return failure(errc::null_pointer);
        }
        if (size > max_size) {
            return failure(errc::too_large);
        }
        const bool make = options.create && !options.read_only && size != 0;
        // Opening must not wait: not for the other end of a pipe, nor make a terminal ours.
        const int flags = (options.read_only ? O_RDONLY : O_RDWR) | (make ? O_CREAT : 0) |
                          O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
        file_storage file;
        file.read_only_ = options.read_only;
        file.file_ = detail::uninterrupted([&] { return ::open(path, flags, 0666); });
        if (file.file_ < 0) {
            return failure(detail::file_error(errno, errc::read_failed));
        }
        if (const auto adopted = file.adopt(path, size, make); !adopted) {
            return failure(adopted.error());
        }
        return file;
    }

    file_storage(file_storage&& other) noexcept
        : file_(std::exchange(other.file_, -1)), read_only_(other.read_only_),
          sync_failed_(other.sync_failed_), size_(std::exchange(other.size_, 0)) {}
    file_storage& operator=(file_storage&& other) noexcept {
        file_storage taken(std::move(other));
        std::swap(file_, taken.file_);
        std::swap(read_only_, taken.read_only_);
        std::swap(sync_failed_, taken.sync_failed_);
        std::swap(size_, taken.size_);
        return *this;
    }
    /// Closes the file and gives up the lock. Does not sync.
    ~file_storage() {
        if (file_ >= 0) {
            ::close(file_);
        }
    }

    /// Bytes; 0 after being moved from.
    [[nodiscard]] address size() const noexcept { return size_; }
    /// The file descriptor; -1 after being moved from. It stays the storage's to close.
    [[nodiscard]] int native_handle() const noexcept { return file_; }

    /// Errors: out_of_range; truncated if the file has become shorter; read_failed. After an error
    /// the contents of `out` are unspecified.
    [[nodiscard]] result<void> read(address from, std::span<std::byte> out) noexcept {
        if (const auto fits = detail::check_range(size_, from, out.size()); !fits) {
            return fits;
        }
        while (!out.empty()) {
            const ssize_t count = detail::uninterrupted([&] {
                return ::pread(file_, out.data(), detail::lesser(out.size(), most_at_once),
                               static_cast<off_t>(from));
            });
            if (count < 0) {
                return failure(detail::file_error(errno, errc::read_failed));
            }
            if (count == 0) {
                return failure(errc::truncated);
            }
            out = out.subspan(static_cast<std::size_t>(count));
            from += static_cast<address>(count);
        }
        return {};
    }

    /// Errors: out_of_range; read_only; storage_full (a file without reserved blocks, a quota);
    /// write_failed.
    [[nodiscard]] result<void> write(address to, std::span<const std::byte> in) noexcept {
        if (const auto fits = detail::check_range(size_, to, in.size()); !fits) {
            return fits;
        }
        if (read_only_ && !in.empty()) {
            return failure(errc::read_only);
        }
        while (!in.empty()) {
            const ssize_t count = detail::uninterrupted([&] {
                return ::pwrite(file_, in.data(), detail::lesser(in.size(), most_at_once),
                                static_cast<off_t>(to));
            });
            if (count <= 0) {
                return failure(count == 0 ? errc::write_failed
                                          : detail::file_error(errno, errc::write_failed));
            }
            in = in.subspan(static_cast<std::size_t>(count));
            to += static_cast<address>(count);
        }
        return {};
    }

    /// One `pwritev` for every 16 pieces. Errors: as `write`.
    [[nodiscard]] result<void> write_gathered(address to, address count, auto& next) {
        if (const auto fits = detail::check_range(size_, to, count); !fits) {
            return fits;
        }
        if (read_only_ && count != 0) {
            return failure(errc::read_only);
        }
        return transfer(to, next, errc::write_failed, errc::write_failed,
                        [this](std::span<const iovec> pieces, address at) {
                            return ::pwritev(file_, pieces.data(), static_cast<int>(pieces.size()),
                                             static_cast<off_t>(at));
                        });
    }
    /// One `preadv` for every 16 pieces. Errors: as `read`.
    [[nodiscard]] result<void> read_scattered(address from, address count, auto& next) {
        if (const auto fits = detail::check_range(size_, from, count); !fits) {
            return fits;
        }
        return transfer(from, next, errc::read_failed, errc::truncated,
                        [this](std::span<const iovec> pieces, address at) {
                            return ::preadv(file_, pieces.data(), static_cast<int>(pieces.size()),
                                            static_cast<off_t>(at));
                        });
    }

    /// Errors: storage_full, sync_failed. Once it has failed it fails until the file is opened
    /// again: systems forget the data that they could not write, and report success the next time.
    [[nodiscard]] result<void> sync() noexcept {
        if (read_only_) {
            return {};
        }
        if (!sync_failed_ && detail::sync_file(file_) == 0) {
            return {};
        }
        const int code = sync_failed_ ? 0 : errno;
        sync_failed_ = true;
        return failure(detail::file_error(code, errc::sync_failed));
    }

private:
    static constexpr std::uintmax_t max_size = detail::lesser<std::uintmax_t>(
        (std::numeric_limits<off_t>::max)(), (std::numeric_limits<address>::max)());
    /// Some systems refuse to transfer 2 GiB or more at once.
    static constexpr std::size_t most_at_once = std::size_t{1} << 30;

    file_storage() = default;

    /// Transfers what `next()` returns, up to an empty piece, 16 pieces at a time.
    template <class Next, class Call>
    [[nodiscard]] result<void> transfer(address at, Next& next, errc failed, errc ended,
                                        Call call) {
        std::array<iovec, 16> pieces{};
        for (auto piece = next(); !piece.empty();) {
            std::size_t held = 0;
            for (; held < pieces.size() && !piece.empty(); piece = next()) {
                // The system does not write to what it is told to write out.
                pieces[held++] = {
                    .iov_base = const_cast<std::byte*>(static_cast<const std::byte*>(piece.data())),
                    .iov_len = piece.size()};
            }
            if (const auto done =
                    transfer_all(at, std::span(pieces).first(held), failed, ended, call);
                !done) {
                return done;
            }
        }
        return {};
    }
    /// However few bytes the system takes at a time; `at` becomes the end.
    template <class Call>
    [[nodiscard]] result<void> transfer_all(address& at, std::span<iovec> pieces, errc failed,
                                            errc ended, Call call) noexcept {
        while (!pieces.empty()) {
            const ssize_t count = detail::uninterrupted([&] { return call(pieces, at); });
            if (count <= 0) {
                return failure(count == 0 ? ended : detail::file_error(errno, failed));
            }
            at += static_cast<address>(count);
            auto left = static_cast<std::size_t>(count);
            while (!pieces.empty() && left >= pieces.front().iov_len) {
                left -= pieces.front().iov_len;
                pieces = pieces.subspan(1);
            }
            if (left != 0) {
                iovec& rest = pieces.front();
                rest = {.iov_base = static_cast<std::byte*>(rest.iov_base) + left,
                        .iov_len = rest.iov_len - left};
            }
        }
        return {};
    }

    /// Locks the file that was opened, and sees that it is what the caller expects.
    [[nodiscard]] result<void> adopt(const char* path, address size, bool make) noexcept {
        // First the lock: until it is ours, another process may be making the file.
        if (detail::uninterrupted([&] { return ::flock(file_, LOCK_EX | LOCK_NB); }) != 0) {
            return failure(detail::file_error(errno, errc::read_failed));
        }
        struct stat found{};
        if (::fstat(file_, &found) != 0) {
            return failure(detail::file_error(errno, errc::read_failed));
        }
        if (!S_ISREG(found.st_mode)) {
            return failure(errc::not_a_file);
        }
        const auto bytes = static_cast<std::uintmax_t>(found.st_size);
        if (bytes == 0 && make) {
            if (const auto extended = extend(path, static_cast<off_t>(size)); !extended) {
                return extended;
            }
        } else if (size == 0 && bytes > max_size) {
            return failure(errc::too_large);
        } else if (size == 0) {
            size = static_cast<address>(bytes);
        } else if (bytes != size) {
            return failure(errc::wrong_size);
        }
        size_ = size;
        return {};
    }

    /// In this order the file has one of two sizes whenever power is cut.
    [[nodiscard]] result<void> extend(const char* path, off_t size) noexcept {
        if (detail::uninterrupted([&] { return ::ftruncate(file_, size); }) != 0) {
            return failure(detail::file_error(errno, errc::write_failed));
        }
        if (const int code = detail::reserve_blocks(file_, size); code != 0) {
            static_cast<void>(detail::uninterrupted([&] { return ::ftruncate(file_, 0); }));
            return failure(detail::file_error(code, errc::write_failed));
        }
        detail::sync_directory_of(path);
        return {};
    }

    int file_ = -1;
    bool read_only_ = false;
    bool sync_failed_ = false;
    address size_ = 0;
};
static_assert(gathering_storage<file_storage> && scattering_storage<file_storage>);

} // namespace vmem

#endif

#endif
