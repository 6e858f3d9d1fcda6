// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_POWERLOSS_DISK_HPP
#define VMEM_TEST_POWERLOSS_DISK_HPP

#include <vmem/config.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <vector>

/// \file
/// A storage that remembers all that happened to it, and what it would hold had the power gone at
/// any of these moments. Everything follows from a few numbers, so that each loss can be replayed.
namespace vmem::powerloss {

/// Bytes of the storage: small, because it is copied for every loss.
inline constexpr std::size_t disk_size = 28 * std::size_t{1024};
/// What a power cut does not tear (bytes).
inline constexpr std::size_t atomic_unit = 32;

using image = std::array<std::byte, disk_size>;
using random_engine = std::mt19937_64;

/// Spreads a few numbers over all bits.
[[nodiscard]] inline std::uint64_t mixed(std::uint64_t a, std::uint64_t b,
                                         std::uint64_t c = 0) noexcept {
    std::uint64_t x = a * 0x9E3779B97F4A7C15U + b * 0xBF58476D1CE4E5B9U + c * 0x94D049BB133111EBU;
    x ^= x >> 31;
    x *= 0xD6E8FEB86659FD93U;
    return x ^ x >> 32;
}

/// Something that happens to a storage, or to whoever uses it.
struct event {
    enum class kind : std::uint8_t {
        write,
        sync,
        /// A commit has begun: from now on its state may be found.
        begun,
        /// It has returned: from now on no earlier state may be found.
        done,
    };
    kind what;
    std::uint32_t at = 0;
    std::uint32_t size = 0;
    /// Where the bytes are, in `history::bytes`.
    std::uint32_t data = 0;
};

/// All that happened to a storage that held `start` before.
struct history {
    image start{};
    std::vector<event> events;
    std::vector<std::byte> bytes;

    void clear() {
        events.clear();
        bytes.clear();
    }
    [[nodiscard]] std::span<const std::byte> data(const event& write) const {
        return {bytes.data() + write.data, write.size};
    }
};

/// The storage itself; `Unit`: what it reads and writes at least (bytes).
template <std::size_t Unit>
class disk {
public:
    static constexpr storage_geometry geometry{.read_size = Unit,
                                               .write_size = Unit,
                                               .erase_size = 0,
                                               .atomic_write_size = (std::max)(Unit, atomic_unit)};
    static constexpr address capacity = disk_size;

    /// Where everything is noted down; nothing is if it is null.
    history* notes = nullptr;
    image bytes{};

    [[nodiscard]] static constexpr address size() noexcept { return disk_size; }
    [[nodiscard]] result<void> read(address from, std::span<std::byte> out) {
        if (const auto fits = check(from, out.size()); !fits) {
            return fits;
        }
        std::memcpy(out.data(), bytes.data() + from, out.size());
        return {};
    }
    [[nodiscard]] result<void> write(address to, std::span<const std::byte> in) {
        if (const auto fits = check(to, in.size()); !fits) {
            return fits;
        }
        std::memcpy(bytes.data() + to, in.data(), in.size());
        if (notes != nullptr && !in.empty()) {
            notes->events.push_back({.what = event::kind::write,
                                     .at = static_cast<std::uint32_t>(to),
                                     .size = static_cast<std::uint32_t>(in.size()),
                                     .data = static_cast<std::uint32_t>(notes->bytes.size())});
            notes->bytes.insert(notes->bytes.end(), in.begin(), in.end());
        }
        return {};
    }
    [[nodiscard]] result<void> sync() {
        note(event::kind::sync);
        return {};
    }
    void note(event::kind what) {
        if (notes != nullptr) {
            notes->events.push_back({.what = what});
        }
    }

private:
    [[nodiscard]] static result<void> check(address at, std::size_t count) {
        if (at % Unit != 0 || count % Unit != 0) {
            return failure(errc::misaligned);
        }
        return vmem::detail::check_range(disk_size, at, count);
    }
};

/// Goes through a history, and makes what a storage may hold after a power cut right after the
/// event it is at.
class time_machine {
public:
    /// `samples`: subsets at random that are tried of more than 8 pending writes; `unit`: what is
    /// not torn.
    time_machine(const history& past, std::uint64_t seed, unsigned samples, std::size_t unit)
        : past_(past), seed_(seed), samples_(samples), unit_(unit), durable_(past.start) {}

    /// Goes on to the next event; false at the end.
    bool next() {
        if (started_) {
            ++now_;
        }
        started_ = true;
        if (now_ >= past_.events.size()) {
            return false;
        }
        const event& happened = past_.events[now_];
        if (happened.what == event::kind::write) {
            pending_.push_back(now_);
        } else if (happened.what == event::kind::sync) {
            for (const std::size_t write : pending_) {
                land(durable_, past_.events[write], ~std::uint64_t{0});
            }
            pending_.clear();
        }
        return true;
    }
    [[nodiscard]] std::size_t now() const noexcept { return now_; }
    [[nodiscard]] const event& happened() const { return past_.events[now_]; }

    /// Different losses right after this event. A subset of the pending writes that was possible
    /// one event earlier is not counted again, unless a commit has returned since.
    [[nodiscard]] std::uint64_t variants() const {
        switch (happened().what) {
        case event::kind::begun:
            return 0;
        case event::kind::sync:
            return 1;
        case event::kind::done:
            return subsets(pending_.size()) + odd_ones;
        case event::kind::write:
            break;
        }
        return subsets(pending_.size() - 1) + 2 * (units_of(happened()) - 1) + odd_ones;
    }

    /// What the storage holds after loss number `variant`.
    void lose(std::uint64_t variant, image& out) const {
        out = durable_;
        const bool is_write = happened().what == event::kind::write;
        const std::size_t free = is_write ? pending_.size() - 1 : pending_.size();
        if (variant < subsets(free)) {
            const std::uint64_t chosen = subset(variant, free);
            for (std::size_t n = 0; n < pending_.size(); ++n) {
                if (n >= free || n >= 64 || (chosen >> n & 1) != 0) {
                    land(out, past_.events[pending_[n]], ~std::uint64_t{0});
                }
            }
            return;
        }
        variant -= subsets(free);
        if (is_write && variant < 2 * (units_of(happened()) - 1)) {
            // Its first units, with all before it, or alone.
            for (std::size_t n = 0; n < free && variant % 2 == 0; ++n) {
                land(out, past_.events[pending_[n]], ~std::uint64_t{0});
            }
            land(out, happened(), (std::uint64_t{2} << variant / 2) - 1);
            return;
        }
        lose_oddly(variant, out);
    }

private:
    /// Losses of which everything is random.
    static constexpr std::uint64_t odd_ones = 8;

    /// All of few; of many: all, none, each without one, and some at random.
    [[nodiscard]] std::uint64_t subsets(std::size_t count) const noexcept {
        return count <= 8 ? std::uint64_t{1} << count : 2 + count + samples_;
    }
    [[nodiscard]] std::uint64_t subset(std::uint64_t variant, std::size_t count) const noexcept {
        if (count <= 8) {
            return variant;
        }
        if (variant < 2) {
            return variant == 0 ? ~std::uint64_t{0} : 0;
        }
        return variant < 2 + count ? ~(std::uint64_t{1} << (variant - 2) % 64)
                                   : mixed(seed_, now_, variant);
    }
    /// Every unit lost or not, whichever write it belongs to, and the writes in any order.
    void lose_oddly(std::uint64_t variant, image& out) const {
        random_engine random(mixed(seed_, now_, variant + 0x10000));
        std::vector<std::size_t> order = pending_;
        if (variant % 2 == 1) {
            std::ranges::shuffle(order, random);
        }
        for (const std::size_t write : order) {
            const std::uint64_t whole = random() % 4;
            land(out, past_.events[write],
                 whole == 0   ? 0
                 : whole == 1 ? random()
                              : ~std::uint64_t{0});
        }
    }

    [[nodiscard]] std::uint64_t units_of(const event& write) const noexcept {
        return (write.at + write.size - 1) / unit_ - write.at / unit_ + 1;
    }
    /// Stores the units whose bit is set; beyond 64 they take turns.
    void land(image& out, const event& write, std::uint64_t units) const {
        const auto bytes = past_.data(write);
        if (units == ~std::uint64_t{0}) {
            std::memcpy(out.data() + write.at, bytes.data(), bytes.size());
            return;
        }
        std::size_t offset = 0;
        for (std::size_t unit = 0; offset < bytes.size(); ++unit) {
            const std::size_t length =
                (std::min)(unit_ - (write.at + offset) % unit_, bytes.size() - offset);
            if ((units >> unit % 64 & 1) != 0) {
                std::memcpy(out.data() + write.at + offset, bytes.data() + offset, length);
            }
            offset += length;
        }
    }

    const history& past_;
    std::uint64_t seed_;
    unsigned samples_;
    std::size_t unit_;
    image durable_;
    std::vector<std::size_t> pending_;
    std::size_t now_ = 0;
    bool started_ = false;
};

} // namespace vmem::powerloss

#endif
