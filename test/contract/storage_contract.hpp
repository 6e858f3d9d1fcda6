// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_CONTRACT_STORAGE_CONTRACT_HPP
#define VMEM_TEST_CONTRACT_STORAGE_CONTRACT_HPP

#include <vmem/config.hpp>
#include <vmem/detail/adapted_storage.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

/// \file
/// The contract of storages, as a test that any storage can be put to:
///
///     TEST_CASE("my_storage: contract") {
///         vmem::contract::check_storage_contract([] { return my_storage{...}; });
///     }
namespace vmem::contract {

struct storage_contract_options {
    /// Another seed is another sequence of operations; a failure prints the one it used.
    std::uint64_t seed = std::mt19937_64::default_seed;
    /// Random reads and writes.
    std::size_t operations = 500;
};

/// "ok", or the sentence for the error of a `result`: for comparisons that print what they saw.
template <class Result>
    requires std::convertible_to<decltype(std::declval<const Result&>().error()), errc>
[[nodiscard]] std::string outcome(const Result& operation) {
    return operation ? "ok" : message(operation.error());
}

namespace detail {

struct broken_storage {
    /// Null if none is broken.
    const char* rule = nullptr;
    /// Where and how.
    std::string detail;
};

/// Puts one storage after the other to one part of the contract each, and compares them with a
/// copy of what they must hold. Stops at the first rule that is broken.
template <class MakeStorage>
class storage_check {
public:
    using storage_type = std::remove_cvref_t<std::invoke_result_t<MakeStorage&>>;

    storage_check(MakeStorage& make, const storage_contract_options& options)
        : make_(make), options_(options), random_(options.seed) {}

    [[nodiscard]] broken_storage run() {
        for (const auto part : {&storage_check::check_shape, &storage_check::check_ranges,
                                &storage_check::check_empty_ranges, &storage_check::check_whole,
                                &storage_check::check_neighbours, &storage_check::check_alignment,
                                &storage_check::check_random, &storage_check::check_memory}) {
            storage_type storage = make_();
            take(storage);
            if (kept()) {
                (this->*part)(storage);
            }
            if (kept()) {
                expect(holds(storage, 0, size_), "nothing but a write may change a byte");
                expect(storage.size() == size_, "size must not change");
            }
        }
        if (kept()) {
            check_move();
        }
        return broken_;
    }

    /// Synced bytes must be there when the storage is made again.
    [[nodiscard]] broken_storage run_reopened() {
        {
            storage_type storage = make_();
            take(storage);
            put(storage, 0, size_);
            sync(storage);
            put(storage, 0, unit);
            sync(storage);
        }
        storage_type storage = make_();
        expect(storage.size() == size_, "a storage that is opened again must have the same size");
        expect(!kept() || holds(storage, 0, size_),
               "what was synced must be there when the storage is opened again");
        return broken_;
    }

private:
    static_assert((check_storage<storage_type>(), true));
    using traits = storage_traits<storage_type>;
    using bytes = std::vector<std::byte>;

    static constexpr bool erases =
        traits::erase_size != 0 && vmem::detail::has_storage_erase<storage_type>;
    /// A multiple of every granularity (all are powers of two), bytes.
    static constexpr std::size_t unit =
        (std::max)({traits::read_size, traits::write_size, traits::erase_size});

    static constexpr std::byte guard{0xA5};
    /// An odd number, so that the bytes between the guards are not aligned.
    static constexpr std::size_t guards = 17;

    void check_shape(storage_type&) {
        expect(vmem::detail::is_valid(traits::geometry),
               "read_size, write_size, atomic_write_size and an erase_size must be powers of two");
        expect(size_ >= unit && size_ % unit == 0,
               "the size must be a multiple of read_size, write_size and erase_size, and not 0");
        if constexpr (fixed_size_storage<storage_type>) {
            expect(storage_type::capacity == size_, "capacity must be the size");
        }
        expect(traits::erase_size == 0 || erases,
               "a storage with an erase_size must have erase(address, address)");
    }

    /// Ranges past the end, and ranges whose end is not an address at all.
    void check_ranges(storage_type& storage) {
        const address highest = (std::numeric_limits<address>::max)();
        const auto last = static_cast<address>(highest - highest % unit);
        expect_refused(storage, size_, unit);
        expect_refused(storage, size_ - unit, 2 * unit);
        expect_refused(storage, 0, static_cast<std::size_t>(size_) + unit);
        expect_refused(storage, size_ + unit, 0);
        expect_refused(storage, size_ + unit, unit);
        expect_refused(storage, last, 0);
        expect_refused(storage, last, unit);
        expect_refused(storage, static_cast<address>(last - unit), 2 * unit);
        // These end, modulo the size of an address, within the storage.
        expect_refused(storage, last, 2 * unit);
        expect_refused(storage, static_cast<address>(0 - size_),
                       static_cast<std::size_t>(size_) + unit);
    }

    void expect_refused(storage_type& storage, address at, std::size_t count) {
        const auto is_refusal = [](const result<void>& done) {
            return !done && done.error() == errc::out_of_range;
        };
        bytes in = random_bytes(count);
        expect(is_refusal(storage.write(at, in)),
               "a write that is not within the storage must be out_of_range", at, count);
        bytes out(count, guard);
        expect(is_refusal(storage.read(at, out)),
               "a read that is not within the storage must be out_of_range", at, count);
        expect(std::ranges::count(out, guard) == static_cast<std::ptrdiff_t>(count),
               "a read that is out_of_range must transfer nothing", at, count);
        if constexpr (erases) {
            expect(is_refusal(storage.erase(at, count)),
                   "an erase that is not within the storage must be out_of_range", at, count);
        }
    }

    void check_empty_ranges(storage_type& storage) {
        for (const address at : {address{0}, static_cast<address>(size_ - unit), size_}) {
            expect(storage.read(at, {}), "a read of nothing must succeed", at, 0);
            expect(storage.write(at, {}), "a write of nothing must succeed", at, 0);
            if constexpr (erases) {
                expect(storage.erase(at, 0), "an erase of nothing must succeed", at, 0);
            }
        }
    }

    /// All at once, then all in the smallest pieces; synced and not.
    void check_whole(storage_type& storage) {
        sync(storage);
        put(storage, 0, size_);
        expect(holds(storage, 0, size_), "a read of all must return what a write of all put there");
        sync(storage);
        sync(storage);
        expect(holds(storage, 0, size_), "sync must not change a byte");
        for (address at = 0; at < size_; at += traits::read_size) {
            expect(holds(storage, at, traits::read_size),
                   "the smallest reads must return what a write of all put there", at,
                   traits::read_size);
        }
        expect(rewrite(storage, 0, size_, traits::write_size), "the smallest writes must succeed");
        expect(holds(storage, 0, size_), "the smallest writes must add up to a write of all");
    }

    void check_neighbours(storage_type& storage) {
        put(storage, 0, size_);
        for (const address at :
             {address{0}, static_cast<address>(size_ - unit), somewhere(traits::write_size)}) {
            put(storage, at, traits::write_size);
            expect(holds(storage, 0, size_), "a write must change its range and nothing else", at,
                   traits::write_size);
        }
    }

    /// A storage may do more than it promises; but what it does not do, it must refuse.
    void check_alignment(storage_type& storage) {
        put(storage, 0, size_);
        if constexpr (traits::read_size > 1) {
            expect_whole_or_misaligned_read(storage, 1, traits::read_size);
            expect_whole_or_misaligned_read(storage, 0, 1);
        }
        if constexpr (traits::write_size > 1) {
            expect_whole_or_misaligned_write(storage, 1, traits::write_size);
            expect_whole_or_misaligned_write(storage, 0, 1);
        }
    }

    void expect_whole_or_misaligned_read(storage_type& storage, address at, std::size_t count) {
        if (at + count > size_) {
            return;
        }
        bytes out(count);
        const result<void> done = storage.read(at, out);
        expect(done ? std::ranges::equal(out, shadow(at, count)) : done.error() == errc::misaligned,
               "a read that is not aligned must be misaligned, or succeed", at, count);
    }

    void expect_whole_or_misaligned_write(storage_type& storage, address at, std::size_t count) {
        if (at + count > size_) {
            return;
        }
        erase(storage, at, count);
        const bytes in = random_bytes(count);
        const result<void> done = storage.write(at, in);
        if (done) {
            std::ranges::copy(in, shadow(at, count).begin());
        }
        expect(done || done.error() == errc::misaligned,
               "a write that is not aligned must be misaligned, or succeed", at, count);
        expect(holds(storage, 0, size_),
               "a write that is not aligned must change its range, or nothing", at, count);
    }

    void check_random(storage_type& storage) {
        for (std::size_t i = 0; i < options_.operations && kept(); ++i) {
            const address at = somewhere(traits::write_size);
            const std::size_t count = some_length(at, traits::write_size);
            if (random_() % 4 != 0) {
                put(storage, at, count);
            }
            if (random_() % 16 == 0) {
                sync(storage);
            }
            const address from = at - at % unit;
            const auto there =
                static_cast<std::size_t>((std::min)(size_, at + count + unit - 1) / unit * unit);
            expect(holds(storage, from, there - static_cast<std::size_t>(from)),
                   "a read must return what the last write put there", from);
            const address elsewhere = somewhere(traits::read_size);
            expect(holds(storage, elsewhere, some_length(elsewhere, traits::read_size)),
                   "a read must return what the last write put there", elsewhere);
            expect(i % 64 != 0 || holds(storage, 0, size_),
                   "a write must change its range and nothing else", at, count);
        }
    }

    void check_memory(storage_type& storage) {
        if constexpr (memory_mapped_storage<storage_type>) {
            put(storage, 0, size_);
            const std::span<std::byte> mapped(storage.data(), static_cast<std::size_t>(size_));
            expect(std::ranges::equal(mapped, shadow_), "data() must point at the bytes");
            mapped.back() = shadow_.back() = random_bytes(1).front();
            expect(holds(storage, 0, size_), "a read must return what was changed through data()");
        }
    }

    /// A heap takes its storage by value.
    void check_move() {
        if constexpr (std::move_constructible<storage_type>) {
            storage_type storage = make_();
            take(storage);
            put(storage, 0, size_);
            storage_type moved(std::move(storage));
            expect(moved.size() == size_, "size must not change when the storage is moved");
            expect(holds(moved, 0, size_), "the bytes must be there after the storage is moved");
            put(moved, 0, unit);
            expect(holds(moved, 0, size_), "a storage must be writable after it is moved");
        }
    }

    /// Writes new bytes and remembers them.
    void put(storage_type& storage, address at, address count) {
        expect(rewrite(storage, at, count, static_cast<std::size_t>(count)),
               "a write within the storage must succeed", at, static_cast<std::size_t>(count));
    }

    /// Writes new bytes in pieces of `piece`, which must succeed.
    [[nodiscard]] bool rewrite(storage_type& storage, address at, address count,
                               std::size_t piece) {
        erase(storage, at, count);
        const bytes in = random_bytes(static_cast<std::size_t>(count));
        bool done = true;
        for (std::size_t begin = 0; begin < in.size() && done; begin += piece) {
            bytes part(guards, guard);
            part.insert(part.end(), in.begin() + static_cast<std::ptrdiff_t>(begin),
                        in.begin() + static_cast<std::ptrdiff_t>(begin + piece));
            const bytes before = part;
            const result<void> written =
                storage.write(at + begin, std::span<const std::byte>(part).subspan(guards));
            note(written);
            expect(part == before, "a write must not change the bytes that it is given");
            done = written.has_value();
        }
        std::ranges::copy(in, shadow(at, in.size()).begin());
        return done;
    }

    /// Makes a range writable. What an erased byte reads as is the device's business.
    void erase([[maybe_unused]] storage_type& storage, [[maybe_unused]] address at,
               [[maybe_unused]] address count) {
        if constexpr (erases) {
            const address begin = at - at % traits::erase_size;
            const address behind = at + count + traits::erase_size - 1;
            const address length = behind - behind % traits::erase_size - begin;
            const result<void> done = storage.erase(begin, length);
            note(done);
            expect(done, "an erase within the storage must succeed", begin);
            const std::span erased = shadow(begin, static_cast<std::size_t>(length));
            expect(storage.read(begin, erased), "what was erased must be readable", begin);
        }
    }

    void sync(storage_type& storage) {
        const result<void> done = storage.sync();
        note(done);
        expect(done, "sync must succeed");
    }

    /// Learns what the storage holds, which is unknown at first.
    void take(storage_type& storage) {
        size_ = storage.size();
        shadow_.assign(static_cast<std::size_t>(size_), guard);
        const result<void> done = storage.read(0, shadow_);
        note(done);
        expect(done, "a read of all must succeed");
    }

    /// Whether the storage holds what it must; a read must not overrun its span either.
    [[nodiscard]] bool holds(storage_type& storage, address at, address count) {
        const auto length = static_cast<std::size_t>(count);
        bytes out(length + 2 * guards, guard);
        const std::span middle = std::span(out).subspan(guards, length);
        const result<void> done = storage.read(at, middle);
        note(done);
        expect(done, "a read within the storage must succeed", at, length);
        expect(std::count(out.begin(), out.begin() + guards, guard) == guards &&
                   std::count(out.end() - guards, out.end(), guard) == guards,
               "a read must not write past the span it is given", at, length);
        return std::ranges::equal(middle, shadow(at, length));
    }

    [[nodiscard]] std::span<std::byte> shadow(address at, std::size_t count) {
        return std::span(shadow_).subspan(static_cast<std::size_t>(at), count);
    }
    [[nodiscard]] bytes random_bytes(std::size_t count) {
        bytes made(count);
        std::ranges::generate(made, [this] { return static_cast<std::byte>(random_() >> 56); });
        return made;
    }
    [[nodiscard]] address somewhere(std::size_t alignment) {
        return random_() % (size_ / alignment) * alignment;
    }
    /// Mostly short, now and then anything that fits.
    [[nodiscard]] std::size_t some_length(address at, std::size_t alignment) {
        const auto most = static_cast<std::size_t>((size_ - at) / alignment);
        const std::size_t limit =
            random_() % 16 == 0 ? most : (std::min)(most, std::size_t{1} << random_() % 8);
        return (1 + random_() % limit) * alignment;
    }

    [[nodiscard]] bool kept() const { return broken_.rule == nullptr; }
    void note(const result<void>& done) { last_ = outcome(done); }
    template <class Condition>
    void expect(const Condition& met, const char* rule, address at = 0, std::size_t count = 0) {
        if (!static_cast<bool>(met) && kept()) {
            broken_ = {.rule = rule,
                       .detail = "at " + std::to_string(at) + ", " + std::to_string(count) +
                                 " bytes; last result: " + last_};
        }
    }

    MakeStorage& make_;
    storage_contract_options options_;
    std::mt19937_64 random_;
    address size_ = 0;
    bytes shadow_;
    std::string last_ = "ok";
    /// What comes after the first broken rule proves nothing.
    broken_storage broken_;
};

inline void report_storage(const broken_storage& broken, const storage_contract_options& options) {
    const bool kept = broken.rule == nullptr;
    CAPTURE(options.seed);
    CHECK_MESSAGE(kept, std::string(kept ? "" : broken.rule), " (", broken.detail, ")");
}

} // namespace detail

/// Puts storages to the contract in <vmem/storage/concept.hpp>. `make()` returns a fresh, writable
/// one each time, by value (a `storage_ref` if it cannot be moved), of any size and contents; its
/// `storage_traits` are honoured. Takes RAM for three times its size. What power cuts do is not
/// tested.
template <std::invocable MakeStorage>
void check_storage_contract(MakeStorage make, const storage_contract_options& options = {}) {
    detail::report_storage(detail::storage_check<MakeStorage>(make, options).run(), options);
}

/// For storages that outlive the object: `open()` is called twice and must open the same medium.
template <std::invocable Open>
void check_storage_reopens(Open open, const storage_contract_options& options = {}) {
    detail::report_storage(detail::storage_check<Open>(open, options).run_reopened(), options);
}

/// For those who test the contract itself: the rule that is broken first, or null.
template <std::invocable MakeStorage>
[[nodiscard]] const char* broken_storage_rule(MakeStorage make,
                                              const storage_contract_options& options = {}) {
    return detail::storage_check<MakeStorage>(make, options).run().rule;
}

} // namespace vmem::contract

#endif
