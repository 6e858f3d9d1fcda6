// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TOOLS_INSPECT_IMAGE_HPP
#define VMEM_TOOLS_INSPECT_IMAGE_HPP

#include <vmem/config.hpp>
#include <vmem/persist/content_sum.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>
#include <vmem/storage/file_storage.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include <sys/mman.h>

/// \file
/// The bytes of an image, as a copy that may be changed: nothing here can write to the file.
namespace vmem::inspect {

/// Bytes of RAM as a storage.
class bytes_storage {
public:
    bytes_storage() = default;
    explicit bytes_storage(std::span<std::byte> bytes) noexcept : bytes_(bytes) {}

    [[nodiscard]] address size() const noexcept { return bytes_.size(); }
    [[nodiscard]] result<void> read(address from, std::span<std::byte> out) noexcept {
        const auto fits = detail::check_range(size(), from, out.size());
        if (fits && !out.empty()) {
            std::memcpy(out.data(), bytes_.data() + from, out.size());
        }
        return fits;
    }
    [[nodiscard]] result<void> write(address to, std::span<const std::byte> in) noexcept {
        const auto fits = detail::check_range(size(), to, in.size());
        if (fits && !in.empty()) {
            std::memcpy(bytes_.data() + to, in.data(), in.size());
        }
        return fits;
    }
    [[nodiscard]] result<void> sync() noexcept { return {}; }
    [[nodiscard]] std::span<std::byte> bytes() noexcept { return bytes_; }

private:
    std::span<std::byte> bytes_;
};
static_assert(storage<bytes_storage>);

/// A file, mapped so that changes stay in this process.
class image {
public:
    /// `block`: 0, or the block size of a `checked<>` storage, whose checksums are verified and
    /// taken out. Errors: those of `file_storage::open`; truncated (an empty file); read_failed.
    [[nodiscard]] static result<image> load(const char* path, std::size_t block) {
        // The lock keeps programs from changing it meanwhile.
        auto file = file_storage::open(path, 0, {.read_only = true, .create = false});
        if (!file) {
            return failure(file.error());
        }
        if (file->size() == 0) {
            return failure(errc::truncated);
        }
        const auto size = static_cast<std::size_t>(file->size());
        void* const mapped = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_NORESERVE, file->native_handle(), 0);
        if (mapped == MAP_FAILED) {
            return failure(errc::read_failed);
        }
        image made(std::move(*file), {static_cast<std::byte*>(mapped), size});
        if (block != 0) {
            made.remove_checksums(block);
        }
        return made;
    }

    image(image&& other) noexcept
        : file_(std::move(other.file_)), mapped_(std::exchange(other.mapped_, {})),
          bytes_(std::exchange(other.bytes_, {})), corrupt_(std::move(other.corrupt_)) {}
    image& operator=(image&&) = delete;
    ~image() {
        if (!mapped_.empty()) {
            ::munmap(mapped_.data(), mapped_.size());
        }
    }

    /// Of the file.
    [[nodiscard]] std::size_t file_size() const noexcept { return mapped_.size(); }
    /// Of what is stored in it.
    [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }
    /// Addresses of blocks that do not agree with their checksums.
    [[nodiscard]] const std::vector<address>& corrupt() const noexcept { return corrupt_; }

private:
    image(file_storage&& file, std::span<std::byte> mapped) noexcept
        : file_(std::move(file)), mapped_(mapped), bytes_(mapped) {}

    /// As `checked<Storage, Block>` lays them out on a storage of single bytes.
    void remove_checksums(std::size_t block) {
        const std::size_t stride = block + sizeof(std::uint32_t);
        const std::size_t blocks = mapped_.size() / stride;
        for (std::size_t n = 0; n < blocks; ++n) {
            const std::uint64_t at = n * block;
            std::byte* const data = mapped_.data() + n * stride;
            std::uint32_t stored = 0;
            std::memcpy(&stored, data + block, sizeof(stored));
            const std::uint32_t seed = content_sum(std::as_bytes(std::span(&at, 1)));
            if (content_sum(std::span<const std::byte>(data, block), seed) != stored) {
                corrupt_.push_back(at);
            }
            std::memmove(mapped_.data() + at, data, block);
        }
        bytes_ = mapped_.first(blocks * block);
    }

    file_storage file_;
    std::span<std::byte> mapped_;
    std::span<std::byte> bytes_;
    std::vector<address> corrupt_;
};

} // namespace vmem::inspect

#endif
