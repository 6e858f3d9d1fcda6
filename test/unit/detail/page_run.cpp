// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/page_run.hpp>
#include <vmem/storage/counted.hpp>
#include <vmem/storage/ram_storage.hpp>

#include "contract/flaky.hpp"

#include <array>
#include <cstddef>
#include <doctest/doctest.h>
#include <vector>

namespace {

using run = vmem::detail::page_run<300, 6>;
constexpr std::size_t page = 16;

/// The (start, length) of each piece.
std::vector<std::size_t> pieces_of(const run& of, std::size_t begin, std::size_t end) {
    static std::array<std::byte, 300 * page> frames;
    vmem::detail::run_pieces<std::byte, page, run> pieces(frames.data(), of, begin, end);
    std::vector<std::size_t> found;
    std::size_t total = 0;
    const std::size_t size = pieces.size();
    for (auto piece = pieces(); !piece.empty(); piece = pieces()) {
        found.push_back(static_cast<std::size_t>(piece.data() - frames.data()));
        found.push_back(piece.size());
        total += piece.size();
    }
    CHECK(total == size);
    return found;
}

} // namespace

TEST_CASE("page_run: in the order in which they are put") {
    run frames;
    for (const std::size_t frame : {7U, 299U, 3U, 5U}) {
        frames.push_sorted(frame);
    }
    frames.push_front(100);
    CHECK(frames.size() == 5);
    CHECK_FALSE(frames.full());
    frames.push_back(0);
    CHECK(frames.full());
    const std::array<std::size_t, 6> expected{100, 3, 5, 7, 299, 0};
    for (std::size_t i = 0; i < 6; ++i) {
        CHECK(frames[i] == expected[i]);
    }
}

TEST_CASE("run_pieces: frames that follow each other are one piece") {
    run frames;
    for (const std::size_t frame : {4U, 5U, 6U, 2U, 3U, 9U}) {
        frames.push_back(frame);
    }
    CHECK(pieces_of(frames, 0, page) == std::vector<std::size_t>{64, 48, 32, 32, 144, 16});
    CHECK(pieces_of(frames, 5, 7) == std::vector<std::size_t>{69, 43, 32, 32, 144, 7});
    run one;
    one.push_back(4);
    CHECK(pieces_of(one, 5, 7) == std::vector<std::size_t>{69, 2});
}

TEST_CASE("page_transfer: counts pages and bytes of what succeeds") {
    vmem::detail::page_transfer<vmem::counted<vmem::ram_storage<64>>, page, true> transfer;
    std::array<std::byte, 300 * page> frames{};
    run two;
    two.push_back(1);
    two.push_back(8);
    const vmem::detail::run_pieces<const std::byte, page, run> out(frames.data(), two, 4, page);
    const vmem::detail::run_pieces<std::byte, page, run> in(frames.data(), two, 0, page);
    REQUIRE(transfer.save(4, out));
    CHECK(transfer.storage().counts().writes == 1); // gathered
    REQUIRE(transfer.load(0, in));
    CHECK_FALSE(transfer.load(40, in));
    CHECK_FALSE(transfer.save(40, out));
    CHECK(transfer.statistics().page_ins == 2);
    CHECK(transfer.statistics().write_backs == 2);
    CHECK(transfer.statistics().bytes_read == 32);
    CHECK(transfer.statistics().bytes_written == 28);
}

TEST_CASE("page_transfer: one operation per piece where the storage takes no more") {
    vmem::detail::page_transfer<vmem::contract::flaky<vmem::ram_storage<64>>, page, false> transfer;
    std::array<std::byte, 300 * page> frames{};
    run two;
    two.push_back(1);
    two.push_back(8);
    frames[page + 4] = std::byte{5};
    frames[9 * page - 1] = std::byte{6};
    const vmem::detail::run_pieces<const std::byte, page, run> out(frames.data(), two, 4, page);
    REQUIRE(transfer.save(4, out));
    CHECK(transfer.storage().operations() == 2);
    const vmem::detail::run_pieces<std::byte, page, run> in(frames.data(), two, 0, page);
    frames.fill(std::byte{1});
    REQUIRE(transfer.load(0, in));
    CHECK(transfer.storage().operations() == 4);
    CHECK(frames[page + 4] == std::byte{5});
    CHECK(frames[9 * page - 1] == std::byte{6});
    transfer.storage().fail(2);
    CHECK_FALSE(transfer.load(0, in));
    transfer.storage().fail(2);
    CHECK_FALSE(transfer.save(4, out));
}
