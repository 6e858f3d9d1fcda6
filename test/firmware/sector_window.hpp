// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_FIRMWARE_SECTOR_WINDOW_HPP
#define VMEM_TEST_FIRMWARE_SECTOR_WINDOW_HPP

#include <vmem/config.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <utility>

/// A storage of sectors as one of bytes: each sector is read, changed, and written back at once.
template <class Storage>
class sector_window {
    static constexpr std::size_t sector = vmem::storage_traits<Storage>::write_size;

public:
    explicit sector_window(Storage storage) : storage_(std::move(storage)) {}

    [[nodiscard]] vmem::address size() const noexcept { return storage_.size(); }
    [[nodiscard]] vmem::result<void> read(vmem::address from, std::span<std::byte> out) {
        return each_sector(from, out.size(), [&](std::size_t done, std::span<std::byte> part) {
            std::memcpy(out.data() + done, part.data(), part.size());
            return vmem::result<void>();
        });
    }
    [[nodiscard]] vmem::result<void> write(vmem::address to, std::span<const std::byte> in) {
        return each_sector(to, in.size(), [&](std::size_t done, std::span<std::byte> part) {
            std::memcpy(part.data(), in.data() + done, part.size());
            return storage_.write(loaded_, buffer_);
        });
    }
    [[nodiscard]] vmem::result<void> sync() { return storage_.sync(); }
    [[nodiscard]] Storage& inner() noexcept { return storage_; }

private:
    template <class Action>
    [[nodiscard]] vmem::result<void> each_sector(vmem::address at, std::size_t count,
                                                 Action action) {
        if (const auto fits = vmem::detail::check_range(size(), at, count); !fits) {
            return fits;
        }
        for (std::size_t done = 0; done < count;) {
            const auto offset = static_cast<std::size_t>(at % sector);
            const std::size_t part = vmem::detail::lesser(count - done, sector - offset);
            if (const auto loaded = load(at - offset); !loaded) {
                return loaded;
            }
            if (const auto acted = action(done, std::span(buffer_).subspan(offset, part)); !acted) {
                loaded_ = nothing;
                return acted;
            }
            at += part;
            done += part;
        }
        return {};
    }
    [[nodiscard]] vmem::result<void> load(vmem::address at) {
        if (at == loaded_) {
            return {};
        }
        const auto done = storage_.read(at, buffer_);
        loaded_ = done ? at : nothing;
        return done;
    }

    static constexpr vmem::address nothing = static_cast<vmem::address>(-1);

    Storage storage_;
    vmem::address loaded_ = nothing;
    std::array<std::byte, sector> buffer_{};
};

#endif
