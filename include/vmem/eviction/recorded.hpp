// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_EVICTION_RECORDED_HPP
#define VMEM_EVICTION_RECORDED_HPP

#include <vmem/config.hpp>
#include <vmem/eviction/clock.hpp>
#include <vmem/eviction/concept.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <type_traits>

namespace vmem {

/// Any eviction policy, and what it is told of: each use of a page that has a number is one call
/// `Sink{}(page)`. For a while, on a device that has somewhere to write it: what comes out, a
/// number per line, is what the program vmem-trace reads.
///
///     struct to_stdout {
///         void operator()(vmem::address page) const noexcept { std::printf("%zu\n", page); }
///     };
///     vmem::paged<512, 8, vmem::recorded<vmem::clock, to_stdout>::policy>
///
/// Uses of the page that was used last are left out: under most policies they change nothing. What
/// an access costs is a comparison more, and the sink. `Sink` must not throw, nor use the heap.
///
/// RAM: an `address` per slot and one more, beside what `Policy` takes.
template <template <std::size_t> class Policy, class Sink>
struct recorded {
    static_assert(std::default_initializable<Sink> && std::is_nothrow_invocable_v<Sink&, address>,
                  "recorded: Sink must be default constructible and callable with an address, and "
                  "noexcept");

    /// The policy itself, for `Slots` slots.
    template <std::size_t Slots>
    class policy {
    public:
        /// What has no key is not recorded.
        constexpr void on_insert(std::size_t slot) noexcept {
            key_[slot] = none;
            policy_.on_insert(slot);
        }
        constexpr void on_insert(std::size_t slot, address key) noexcept {
            key_[slot] = key + 1;
            insert_with_key(policy_, slot, key);
            record(slot);
        }
        constexpr void on_access(std::size_t slot) noexcept {
            policy_.on_access(slot);
            record(slot);
        }
        constexpr void on_remove(std::size_t slot) noexcept { policy_.on_remove(slot); }
        template <std::predicate<std::size_t> Evictable>
        [[nodiscard]] constexpr std::size_t victim(Evictable evictable) noexcept {
            return policy_.victim(evictable);
        }

    private:
        /// Keys are kept one higher.
        static constexpr address none = 0;

        constexpr void record(std::size_t slot) noexcept {
            if (key_[slot] != last_ && key_[slot] != none) {
                last_ = key_[slot];
                Sink{}(last_ - 1);
            }
        }

        Policy<Slots> policy_;
        std::array<address, Slots> key_{};
        address last_ = none;
    };
};

namespace detail {

struct no_record {
    constexpr void operator()(address) const noexcept {}
};

} // namespace detail

static_assert(eviction_policy<recorded<clock, detail::no_record>::policy<8>>);
static_assert(remembers_keys<recorded<clock, detail::no_record>::policy<8>>);

} // namespace vmem

#endif
