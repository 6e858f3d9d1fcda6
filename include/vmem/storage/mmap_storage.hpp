// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_STORAGE_MMAP_STORAGE_HPP
#define VMEM_STORAGE_MMAP_STORAGE_HPP

#include <vmem/config.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>
#include <vmem/storage/file_storage.hpp>
#include <vmem/storage/gathering.hpp>
#include <vmem/storage/scattering.hpp>

#include <cstddef>
#include <cstring>
#include <limits>
#include <span>
#include <utility>

#if __STDC_HOSTED__ && (defined(__unix__) || defined(__APPLE__)) && __has_include(<sys/mman.h>)

#include <cerrno>

#include <sys/mman.h>

namespace vmem {

/// A storage in a file of a POSIX system that the system maps into the address space: `data()` are
/// its bytes. It opens, makes and locks the file as `file_storage` does.
///
/// `read` and `write` are copies; `sync` is `msync`. What is written through `data()` is as durable
/// as what is written by `write`: after the next `sync`, and until then the system may write any of
/// it at any time. An address space has room for a file of its size, or `open` fails.
///
/// The system reports an error of the medium under a mapped file, or a file that was cut short
/// behind its back, with the signal SIGBUS, for which there is no errc; where that must not end the
/// program, choose `file_storage`. A full disk shows itself when the file is made, as there.
class mmap_storage {
public:
    /// As `file_storage::open`. A file that is read-only must not be written through `data()`.
    /// Errors: those of `file_storage::open`; wrong_size for an empty file; too_large if there is
    /// no room in the address space; read_failed (any other).
    [[nodiscard]] static result<mmap_storage> open(const char* path, address size,
                                                   file_options options = {}) noexcept {
        auto file = file_storage::open(path, size, options);
        if (!file) {
            return failure(file.error());
        }
        if (file->size() == 0) {
            return failure(errc::wrong_size);
        }
        if (file->size() > (std::numeric_limits<std::size_t>::max)()) {
            return failure(errc::too_large);
        }
        void* const mapped = ::mmap(nullptr, static_cast<std::size_t>(file->size()),
                                    options.read_only ? PROT_READ : PROT_READ | PROT_WRITE,
                                    MAP_SHARED, file->native_handle(), 0);
        if (mapped == MAP_FAILED) {
            return failure(errno == ENOMEM ? errc::too_large
                                           : detail::file_error(errno, errc::read_failed));
        }
        return mmap_storage(std::move(*file), static_cast<std::byte*>(mapped), options.read_only);
    }

    mmap_storage(mmap_storage&& other) noexcept
        : file_(std::move(other.file_)), data_(std::exchange(other.data_, nullptr)),
          size_(std::exchange(other.size_, 0)), read_only_(other.read_only_),
          sync_failed_(other.sync_failed_) {}
    mmap_storage& operator=(mmap_storage&& other) noexcept {
        mmap_storage taken(std::move(other));
        std::swap(file_, taken.file_);
        std::swap(data_, taken.data_);
        std::swap(size_, taken.size_);
        std::swap(read_only_, taken.read_only_);
        std::swap(sync_failed_, taken.sync_failed_);
        return *this;
    }
    /// Ends the mapping, closes the file and gives up the lock. Does not sync.
    ~mmap_storage() {
        if (data_ != nullptr) {
            ::munmap(data_, static_cast<std::size_t>(size_));
        }
    }

    /// Bytes; 0 after being moved from.
    [[nodiscard]] address size() const noexcept { return size_; }

    /// Errors: out_of_range.
    [[nodiscard]] result<void> read(address from, std::span<std::byte> out) noexcept {
        const auto fits = detail::check_range(size_, from, out.size());
        if (fits && !out.empty()) {
            // Not memcpy: the span may be of these very bytes.
            std::memmove(out.data(), data_ + from, out.size());
        }
        return fits;
    }
    /// Errors: out_of_range; read_only.
    [[nodiscard]] result<void> write(address to, std::span<const std::byte> in) noexcept {
        const auto fits = detail::check_range(size_, to, in.size());
        if (!fits || in.empty()) {
            return fits;
        }
        if (read_only_) {
            return failure(errc::read_only);
        }
        std::memmove(data_ + to, in.data(), in.size());
        return {};
    }
    [[nodiscard]] result<void> write_gathered(address to, address count, auto& next) {
        const auto fits = detail::check_range(size_, to, count);
        if (!fits || count == 0) {
            return fits;
        }
        if (read_only_) {
            return failure(errc::read_only);
        }
        for (auto piece = next(); !piece.empty(); piece = next()) {
            std::memmove(data_ + to, piece.data(), piece.size());
            to += piece.size();
        }
        return {};
    }

    [[nodiscard]] result<void> read_scattered(address from, address count, auto& next) {
        const auto fits = detail::check_range(size_, from, count);
        for (auto piece = fits ? next() : std::span<std::byte>(); !piece.empty(); piece = next()) {
            std::memmove(piece.data(), data_ + from, piece.size());
            from += piece.size();
        }
        return fits;
    }

    /// Errors: storage_full, sync_failed. Once it has failed it fails until the file is opened
    /// again: systems forget the data that they could not write, and report success the next time.
    [[nodiscard]] result<void> sync() noexcept {
        if (read_only_) {
            return {};
        }
        if (!sync_failed_ && data_ != nullptr && flush() == 0) {
            return {};
        }
        const int code = sync_failed_ ? 0 : errno;
        sync_failed_ = true;
        return failure(detail::file_error(code, errc::sync_failed));
    }

    /// The bytes, aligned to a page of the system; they stay there when the object is moved.
    [[nodiscard]] std::byte* data() noexcept { return data_; }
    [[nodiscard]] const std::byte* data() const noexcept { return data_; }

private:
    mmap_storage(file_storage&& file, std::byte* data, bool read_only) noexcept
        : file_(std::move(file)), data_(data), size_(file_.size()), read_only_(read_only) {}

    [[nodiscard]] int flush() noexcept {
        const int done = detail::uninterrupted(
            [this] { return ::msync(data_, static_cast<std::size_t>(size_), MS_SYNC); });
#if defined(F_FULLFSYNC)
        // There, msync leaves the data in the drive's cache.
        return done == 0 ? detail::sync_file(file_.native_handle()) : done;
#else
        return done;
#endif
    }

    file_storage file_;
    std::byte* data_ = nullptr;
    address size_ = 0;
    bool read_only_ = false;
    bool sync_failed_ = false;
};
static_assert(memory_mapped_storage<mmap_storage> && gathering_storage<mmap_storage> &&
              scattering_storage<mmap_storage>);

} // namespace vmem

#endif

#endif
