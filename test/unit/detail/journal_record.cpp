// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/journal_record.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <doctest/doctest.h>
#include <span>
#include <vector>

namespace {

using namespace vmem::detail;

/// All bytes that it hands out.
template <class Pieces>
std::vector<std::byte> bytes_of(Pieces pieces) {
    std::vector<std::byte> all;
    for (auto piece = pieces(); !piece.empty(); piece = pieces()) {
        all.insert(all.end(), piece.begin(), piece.end());
    }
    return all;
}

struct changes {
    std::array<std::byte, 64> ram{};
    commit_buffer<4> buffer{};
    vmem::superblock head{};
    std::array<vmem::root_entry, 1> roots{};
    commit_list list = buffer.list(head, roots);

    changes() {
        head.seal(roots);
        for (std::size_t n = 0; n < ram.size(); ++n) {
            ram[n] = static_cast<std::byte>(n + 1);
        }
        list.add(100, std::span(ram).first(10));
        list.add(110, std::span(ram).subspan(20, 6));
        list.add(200, std::span(ram).subspan(40, 16));
    }
};

TEST_CASE("journal_record: the superblock, the roots, and a chunk") {
    const changes some;
    record_pieces<32, 192> record(some.list);
    record.rewind(true);
    const auto bytes = bytes_of(record);
    // 16 for the chunk and 48 for its entries, in units of 32.
    REQUIRE(bytes.size() == 192 + 64 + 32);
    CHECK(std::memcmp(bytes.data(), &some.head, sizeof(some.head)) == 0);
    CHECK(std::memcmp(bytes.data() + 128, some.roots.data(), 32) == 0);
    journal_chunk chunk;
    std::memcpy(&chunk, bytes.data() + 192, sizeof(chunk));
    CHECK((chunk.entries == 3 && chunk.unused == 0 && chunk.bytes == 32));
    std::array<journal_entry, 3> entries;
    std::memcpy(entries.data(), bytes.data() + 208, sizeof(entries));
    CHECK((entries[1].at == 110 && entries[1].size == 6));
    CHECK(bytes[256] == std::byte{1});
    CHECK(bytes[266] == std::byte{21});
    CHECK(bytes[272] == std::byte{41});
}

TEST_CASE("journal_record: a chunk alone, and nothing") {
    const changes some;
    const auto bytes = bytes_of(record_pieces<64, 192>(some.list));
    CHECK(bytes.size() == chunk_head<64>(3) + 32);
    CHECK(bytes[63] == std::byte{0});
    const commit_list none;
    CHECK(bytes_of(record_pieces<1, 192>(none)).empty());
    vmem::superblock head;
    const commit_list no_log{.room = {}, .head = &head, .roots = {}};
    record_pieces<64, 192> alone(no_log);
    alone.rewind(true);
    CHECK(bytes_of(alone).size() == 192);
    // Once more, with what precedes it.
    record_pieces<64, 256> record(some.list);
    while (!record().empty()) {
    }
    record.rewind(false);
    CHECK(bytes_of(record) == bytes);
    record.rewind(true);
    CHECK(bytes_of(record).size() == 256 + bytes.size());
}

TEST_CASE("journal_record: what lies side by side is one run") {
    const changes some;
    using pieces = record_pieces<64, 192>;
    const pieces first(some.list, 0);
    CHECK((first.size() == 16 && first.end() == 2));
    CHECK(bytes_of(first).size() == 16);
    CHECK(bytes_of(first)[10] == std::byte{21});
    const pieces second(some.list, 2);
    CHECK((second.size() == 16 && second.end() == 3));
}

} // namespace
