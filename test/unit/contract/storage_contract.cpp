// SPDX-License-Identifier: BSL-1.0
#include "contract/storage_contract.hpp"

#include <vmem/storage/ram_storage.hpp>

#include "contract/faulty.hpp"
#include "support/raw_flash.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <span>
#include <string>
#include <utility>

/// \file
/// The contract is only worth what it finds: storages with one fault each, such as drivers have.
namespace {

using vmem::address;
using vmem::errc;
using vmem::failure;
using vmem::ram_storage;
using vmem::result;
using vmem::storage_geometry;
using vmem::contract::broken_storage_rule;

using sound = ram_storage<1024>;
using bytes = std::span<std::byte>;
using const_bytes = std::span<const std::byte>;

template <class Storage>
[[nodiscard]] std::string fault_of() {
    const char* rule = broken_storage_rule([] { return Storage{}; });
    return rule == nullptr ? "none" : rule;
}

TEST_CASE("storage_contract: finds nothing in a sound storage") {
    CHECK(fault_of<sound>() == "none");
    CHECK(fault_of<vmem::test::raw_flash<512>>() == "none");
    CHECK(broken_storage_rule(
              [] {
                  return vmem::contract::faulty<sound, storage_geometry{.read_size = 4,
                                                                        .write_size = 32,
                                                                        .atomic_write_size = 8}>{
                      sound{}};
              },
              {.seed = 7, .operations = 2000}) == nullptr);
}

struct adds_before_it_compares : sound {
    [[nodiscard]] result<void> read(address from, bytes out) noexcept {
        return from + out.size() > capacity && out.size() != 0 ? failure(errc::out_of_range)
               : from < capacity                               ? sound::read(from, out)
                                                               : result<void>{};
    }
};
struct writes_what_fits : sound {
    [[nodiscard]] result<void> write(address to, const_bytes in) noexcept {
        if (to < capacity && in.size() > capacity - to) {
            static_cast<void>(sound::write(to, in.first(capacity - to)));
        }
        return sound::write(to, in);
    }
};
struct reads_what_fits : sound {
    [[nodiscard]] result<void> read(address from, bytes out) noexcept {
        if (from < capacity && out.size() > capacity - from) {
            static_cast<void>(sound::read(from, out.first(capacity - from)));
        }
        return sound::read(from, out);
    }
};
struct reports_another_error : sound {
    [[nodiscard]] result<void> write(address to, const_bytes in) noexcept {
        const auto done = sound::write(to, in);
        return done ? done : failure(errc::write_failed);
    }
};
struct cannot_reach_the_end : sound {
    [[nodiscard]] result<void> read(address from, bytes out) noexcept {
        return from >= capacity ? failure(errc::out_of_range) : sound::read(from, out);
    }
};

TEST_CASE("storage_contract: finds a wrong range check") {
    CHECK(fault_of<adds_before_it_compares>() ==
          "a read that is not within the storage must be out_of_range");
    CHECK(fault_of<writes_what_fits>() == "nothing but a write may change a byte");
    CHECK(fault_of<reads_what_fits>() == "a read that is out_of_range must transfer nothing");
    CHECK(fault_of<reports_another_error>() ==
          "a write that is not within the storage must be out_of_range");
    CHECK(fault_of<cannot_reach_the_end>() == "a read of nothing must succeed");
}

/// A missing address line.
struct wraps_around : sound {
    [[nodiscard]] result<void> read(address from, bytes out) noexcept {
        return from < capacity && out.size() == 1 ? sound::read(from & ~address{512}, out)
                                                  : sound::read(from, out);
    }
};
struct loses_the_last_byte : sound {
    [[nodiscard]] result<void> write(address to, const_bytes in) noexcept {
        const bool odd = in.size() > 1 && to <= capacity && in.size() <= capacity - to;
        return sound::write(to, odd ? in.first(in.size() - 1) : in);
    }
};
/// What a chip does whose page write wraps around.
struct spoils_its_neighbour : sound {
    [[nodiscard]] result<void> write(address to, const_bytes in) noexcept {
        const auto done = sound::write(to, in);
        if (done && in.size() == 1 && to % 16 == 15) {
            data()[to - 15] ^= std::byte{1};
        }
        return done;
    }
};
struct overruns_the_span : sound {
    [[nodiscard]] result<void> read(address from, bytes out) noexcept {
        const auto done = sound::read(from, out);
        if (done && out.size() > 100 && from != 0) {
            out.data()[out.size()] = std::byte{0};
        }
        return done;
    }
};
/// What a full-duplex transfer does that has one buffer for both directions.
struct spoils_its_input : sound {
    [[nodiscard]] result<void> write(address to, const_bytes in) noexcept {
        const auto done = sound::write(to, in);
        if (done && in.size() == 3) {
            const_cast<std::byte*>(in.data())[2] ^= std::byte{1};
        }
        return done;
    }
};
struct forgets_at_sync : sound {
    [[nodiscard]] result<void> sync() noexcept {
        data()[0] = std::byte{0};
        data()[1] = std::byte{1};
        return {};
    }
};
struct cannot_sync_twice : sound {
    [[nodiscard]] result<void> sync() noexcept {
        return std::exchange(synced, true) ? failure(errc::sync_failed) : result<void>{};
    }
    bool synced = false;
};

TEST_CASE("storage_contract: finds lost and spoilt bytes") {
    CHECK(fault_of<wraps_around>() ==
          "the smallest reads must return what a write of all put there");
    CHECK(fault_of<loses_the_last_byte>() ==
          "a read of all must return what a write of all put there");
    CHECK(fault_of<spoils_its_neighbour>() == "the smallest writes must add up to a write of all");
    CHECK(fault_of<overruns_the_span>() == "a read must not write past the span it is given");
    CHECK(fault_of<spoils_its_input>() == "a write must not change the bytes that it is given");
    CHECK(fault_of<forgets_at_sync>() == "sync must not change a byte");
    CHECK(fault_of<cannot_sync_twice>() == "sync must succeed");
}

struct fails_now_and_then : sound {
    [[nodiscard]] result<void> read(address from, bytes out) noexcept {
        return ++reads % 1000 == 0 ? failure(errc::read_failed) : sound::read(from, out);
    }
    unsigned reads = 0;
};
struct loses_a_long_write : sound {
    [[nodiscard]] result<void> write(address to, const_bytes in) noexcept {
        return in.size() == 2 && to > 512 && to < capacity - 2 ? result<void>{}
                                                               : sound::write(to, in);
    }
};

TEST_CASE("storage_contract: finds what happens rarely") {
    CHECK(fault_of<fails_now_and_then>() == "a read within the storage must succeed");
    CHECK(fault_of<loses_a_long_write>() == "a read must return what the last write put there");
}

struct misstates_its_capacity : sound {
    static constexpr address capacity = 1000;
};
struct misstates_its_geometry : sound {
    static constexpr storage_geometry geometry{.write_size = 48};
};
struct size_is_no_multiple : ram_storage<1000> {
    static constexpr storage_geometry geometry{.write_size = 16};
};
struct cannot_erase : sound {
    static constexpr storage_geometry geometry{.erase_size = 64};
};
struct maps_a_copy : sound {
    [[nodiscard]] std::byte* data() noexcept { return copy.data(); }
    std::array<std::byte, 1024> copy{};
};

TEST_CASE("storage_contract: finds a wrong shape") {
    CHECK(fault_of<misstates_its_capacity>() == "capacity must be the size");
    CHECK(fault_of<misstates_its_geometry>() ==
          "read_size, write_size, atomic_write_size and an erase_size must be powers of two");
    CHECK(fault_of<size_is_no_multiple>() ==
          "the size must be a multiple of read_size, write_size and erase_size, and not 0");
    CHECK(fault_of<cannot_erase>() ==
          "a storage with an erase_size must have erase(address, address)");
    CHECK(fault_of<maps_a_copy>() == "data() must point at the bytes");
}

struct rounds_down : ram_storage<1024> {
    static constexpr storage_geometry geometry{.read_size = 4, .write_size = 4};
    [[nodiscard]] result<void> write(address to, const_bytes in) noexcept {
        return ram_storage<1024>::write(to - to % 4, in);
    }
};
struct reads_rounded_down : ram_storage<1024> {
    static constexpr storage_geometry geometry{.read_size = 4, .write_size = 4};
    [[nodiscard]] result<void> read(address from, bytes out) noexcept {
        return ram_storage<1024>::read(from - from % 4, out);
    }
};

TEST_CASE("storage_contract: finds accesses that are rounded instead of refused") {
    CHECK(fault_of<rounds_down>() ==
          "a write that is not aligned must change its range, or nothing");
    CHECK(fault_of<reads_rounded_down>() ==
          "a read that is not aligned must be misaligned, or succeed");
}

/// Its constructor does what a driver's must not: start the device anew for each object.
struct lost_when_moved : sound {
    lost_when_moved() = default;
    lost_when_moved(lost_when_moved&&) noexcept {}
    lost_when_moved& operator=(lost_when_moved&&) = delete;
};

TEST_CASE("storage_contract: finds a storage that loses its bytes when it is moved") {
    CHECK(fault_of<lost_when_moved>() == "the bytes must be there after the storage is moved");
}

TEST_CASE("storage_contract: finds an erase of too much and of too little") {
    using flash = vmem::test::raw_flash<1024>;
    struct erases_too_little : flash {
        [[nodiscard]] result<void> erase(address at, address count) {
            return flash::erase(at, count == 64 && at < 1024 ? 0 : count);
        }
    };
    struct erases_too_much : flash {
        [[nodiscard]] result<void> erase(address at, address count) {
            return flash::erase(at, count == 64 && at != 1024 - 64 && at < 1024 ? 128 : count);
        }
    };
    CHECK(fault_of<erases_too_little>() == "a write must change its range and nothing else");
    CHECK(fault_of<erases_too_much>() == "a write must change its range and nothing else");
}

TEST_CASE("storage_contract: the same seed finds the same") {
    struct watched : sound {
        explicit watched(std::uint64_t& total) : sum(&total) {}
        [[nodiscard]] result<void> write(address to, const_bytes in) noexcept {
            *sum = *sum * 31 + to;
            for (const std::byte one : in) {
                *sum = *sum * 31 + std::to_integer<std::uint64_t>(one);
            }
            return sound::write(to, in);
        }
        std::uint64_t* sum;
    };
    const auto digest = [](std::uint64_t seed) {
        std::uint64_t sum = 0;
        CHECK(broken_storage_rule([&] { return watched(sum); }, {.seed = seed}) == nullptr);
        return sum;
    };
    CHECK(digest(1) == digest(1));
    CHECK(digest(1) != digest(2));
}

} // namespace
