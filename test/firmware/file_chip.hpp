// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_FIRMWARE_FILE_CHIP_HPP
#define VMEM_TEST_FIRMWARE_FILE_CHIP_HPP

#include <vmem/config.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include "semihosting.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

/// The external memory of boards that have none: a file of the machine that emulates them.
template <vmem::address Size, char Name>
class file_chip {
public:
    static constexpr vmem::address capacity = Size;

    [[nodiscard]] static constexpr vmem::address size() noexcept { return Size; }
    [[nodiscard]] vmem::result<void> read(vmem::address from, std::span<std::byte> out) {
        return move(semihosting::call::read, from, out.data(), out.size(), vmem::errc::read_failed);
    }
    [[nodiscard]] vmem::result<void> write(vmem::address to, std::span<const std::byte> in) {
        return move(semihosting::call::write, to, in.data(), in.size(), vmem::errc::write_failed);
    }
    [[nodiscard]] static vmem::result<void> sync() { return {}; }

private:
    [[nodiscard]] vmem::result<void> move(semihosting::call what, vmem::address at,
                                          const std::byte* bytes, std::size_t count,
                                          vmem::errc otherwise) {
        if (const auto fits = vmem::detail::check_range(Size, at, count); !fits || count == 0) {
            return fits;
        }
        if (file_ == 0 && !open()) {
            return vmem::failure(vmem::errc::not_found);
        }
        const std::uintptr_t place[2] = {file_, at};
        const std::uintptr_t range[3] = {file_, reinterpret_cast<std::uintptr_t>(bytes), count};
        if (semihosting::ask(semihosting::call::seek, place) != 0 ||
            semihosting::ask(what, range) != 0) {
            return vmem::failure(otherwise);
        }
        return {};
    }

    /// Keeps what is there; a new file is as long as the memory.
    [[nodiscard]] bool open() {
        static constexpr char name[] = {'c', 'h', 'i', 'p', '-', Name, '\0'};
        for (const std::uintptr_t mode : {3u /* r+b */, 7u /* w+b */}) {
            const std::uintptr_t block[3] = {reinterpret_cast<std::uintptr_t>(name), mode,
                                             sizeof(name) - 1};
            file_ = semihosting::ask(semihosting::call::open, block);
            if (file_ != static_cast<std::uintptr_t>(-1)) {
                return mode == 3 || extend();
            }
        }
        file_ = 0;
        return false;
    }
    [[nodiscard]] bool extend() {
        const char last = 0;
        const std::uintptr_t place[2] = {file_, Size - 1};
        const std::uintptr_t range[3] = {file_, reinterpret_cast<std::uintptr_t>(&last), 1};
        return semihosting::ask(semihosting::call::seek, place) == 0 &&
               semihosting::ask(semihosting::call::write, range) == 0;
    }

    std::uintptr_t file_ = 0;
};

#endif
