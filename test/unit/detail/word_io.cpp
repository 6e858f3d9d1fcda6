// SPDX-License-Identifier: BSL-1.0
#include <vmem/detail/word_io.hpp>

#include <vmem/storage/counted.hpp>
#include <vmem/storage/ram_storage.hpp>

#include "contract/flaky.hpp"
#include "contract/storage_contract.hpp"

#include <cstdint>
#include <doctest/doctest.h>

namespace {

using vmem::errc;
using vmem::contract::outcome;
using medium = vmem::counted<vmem::contract::flaky<vmem::ram_storage<64>>>;
template <class Word>
using io_of = vmem::detail::word_io<medium, Word>;

TEST_CASE_TEMPLATE("word_io: a word that was put is got", Word, std::uint32_t, std::uint64_t) {
    medium words;
    io_of<Word> io(words);
    CHECK(io.ok());
    const auto value = static_cast<Word>(0x0123456789ABCDEF);
    io.put(8, value);
    CHECK(io.get(8) == value);
    CHECK(io.get(16) == 0);
    CHECK(io.ok());
    CHECK(words.counts().bytes_written == sizeof(Word));
    CHECK(words.counts().bytes_read == 2 * sizeof(Word));
}

TEST_CASE_TEMPLATE("word_io: several words are one access", Word, std::uint32_t, std::uint64_t) {
    medium words;
    io_of<Word> io(words);
    io.words = {7, 8, 9};
    io.write(8, 3);
    CHECK(io.get(8 + sizeof(Word)) == 8);
    CHECK(io.get(8 + 2 * sizeof(Word)) == 9);
    words.reset_counts();
    CHECK(io.read(8, 2) == 7);
    CHECK(io.words[1] == 8);
    CHECK(words.counts().reads == 1);
    CHECK(words.counts().bytes_read == 2 * sizeof(Word));
}

TEST_CASE("word_io: a word is swapped if it is the one that was expected") {
    medium words;
    io_of<std::uint32_t> io(words);
    io.put(8, 5);
    io.swap(8, 5, 6);
    CHECK(io.get(8) == 6);
    io.swap(8, 5, 7);
    CHECK(outcome(io.outcome()) == message(errc::corrupt));
    CHECK(io_of<std::uint32_t>(words).get(8) == 6);
}

TEST_CASE("word_io: after the first failure reads give 0 and nothing is transferred") {
    medium words;
    io_of<std::uint32_t>(words).put(0, 7);

    SUBCASE("of a read") {
        words.inner().fail(1);
        io_of<std::uint32_t> io(words);
        CHECK(io.get(0) == 0);
        CHECK(outcome(io.outcome()) == message(errc::read_failed));
        words.inner().heal();
        words.reset_counts();
        CHECK(io.get(0) == 0);
        io.put(0, 8);
        io.swap(0, 7, 8);
        CHECK(io.read(0, 2) == 0);
        io.sync();
        CHECK_FALSE(io.ok());
        CHECK(outcome(io.outcome()) == message(errc::read_failed));
        CHECK(words.counts() == vmem::storage_counts{});
    }
    SUBCASE("of a write") {
        words.inner().fail(1);
        io_of<std::uint32_t> io(words);
        io.put(4, 8);
        words.inner().heal();
        CHECK(io.get(0) == 0);
        CHECK(outcome(io.outcome()) == message(errc::write_failed));
    }
    SUBCASE("for a reason of the caller's, which does not hide an earlier one") {
        io_of<std::uint32_t> io(words);
        CHECK(io.get(0) == 7);
        io.fail(errc::corrupt);
        CHECK(io.get(0) == 0);
        io.fail(errc::out_of_memory);
        CHECK(outcome(io.outcome()) == message(errc::corrupt));
    }
    CHECK(io_of<std::uint32_t>(words).get(0) == 7);
}

TEST_CASE("word_io: an address that the medium refuses comes from a damaged word") {
    medium words;
    io_of<std::uint32_t> reading(words);
    CHECK(reading.get(61) == 0);
    CHECK(outcome(reading.outcome()) == message(errc::corrupt));
    io_of<std::uint32_t> writing(words);
    writing.put(1000, 1);
    CHECK(outcome(writing.outcome()) == message(errc::corrupt));
}

} // namespace
