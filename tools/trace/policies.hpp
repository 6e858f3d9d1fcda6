// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TOOLS_TRACE_POLICIES_HPP
#define VMEM_TOOLS_TRACE_POLICIES_HPP

#include <vmem/eviction/arc.hpp>
#include <vmem/eviction/clock.hpp>
#include <vmem/eviction/clock_bits.hpp>
#include <vmem/eviction/concept.hpp>
#include <vmem/eviction/fifo.hpp>
#include <vmem/eviction/lirs.hpp>
#include <vmem/eviction/lru.hpp>
#include <vmem/eviction/priority.hpp>
#include <vmem/eviction/random.hpp>
#include <vmem/eviction/s3_fifo.hpp>
#include <vmem/eviction/sieve.hpp>
#include <vmem/eviction/tiny_lfu.hpp>
#include <vmem/eviction/two_queue.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>

/// \file
/// The library's policies, which are templates over their number of slots, for numbers that are
/// known when the program runs: the powers of two up to 4096.
namespace trace {

inline constexpr std::size_t sizes = 13;
inline constexpr std::size_t most_slots = std::size_t{1} << (sizes - 1);

class policy {
public:
    policy() = default;
    policy(const policy&) = delete;
    policy& operator=(const policy&) = delete;
    virtual ~policy() = default;

    virtual void on_insert(std::size_t slot, vmem::address key) noexcept = 0;
    virtual void on_access(std::size_t slot) noexcept = 0;
    virtual void on_remove(std::size_t slot) noexcept = 0;
    [[nodiscard]] virtual std::size_t victim() noexcept = 0;
};

template <class Policy>
class policy_of final : public policy {
public:
    void on_insert(std::size_t slot, vmem::address key) noexcept override {
        vmem::insert_with_key(policy_, slot, key);
    }
    void on_access(std::size_t slot) noexcept override { policy_.on_access(slot); }
    void on_remove(std::size_t slot) noexcept override { policy_.on_remove(slot); }
    [[nodiscard]] std::size_t victim() noexcept override {
        return policy_.victim([](std::size_t) { return true; });
    }

private:
    Policy policy_;
};

using maker = std::unique_ptr<policy> (*)();

template <class Policy>
[[nodiscard]] std::unique_ptr<policy> make() {
    return std::make_unique<policy_of<Policy>>();
}

template <template <std::size_t> class Policy, std::size_t... Log>
[[nodiscard]] constexpr std::array<maker, sizes> makers(std::index_sequence<Log...>) {
    return {&make<Policy<(std::size_t{1} << Log)>>...};
}

struct named_policy {
    std::string_view name;
    std::array<maker, sizes> of_size;

    /// Precondition: a power of two, at most `most_slots`.
    [[nodiscard]] std::unique_ptr<policy> operator()(std::size_t slots) const {
        return of_size[static_cast<std::size_t>(std::countr_zero(slots))]();
    }
};

template <template <std::size_t> class Policy>
[[nodiscard]] constexpr named_policy named(std::string_view name) {
    return {name, makers<Policy>(std::make_index_sequence<sizes>())};
}

inline constexpr std::array all_policies{
    named<vmem::fifo>("fifo"),           named<vmem::lru>("lru"),
    named<vmem::clock>("clock"),         named<vmem::clock_bits<2>::policy>("clock_bits"),
    named<vmem::sieve>("sieve"),         named<vmem::random_eviction>("random"),
    named<vmem::priority>("priority"),   named<vmem::s3_fifo>("s3_fifo"),
    named<vmem::two_queue>("two_queue"), named<vmem::arc>("arc"),
    named<vmem::lirs>("lirs"),           named<vmem::tiny_lfu>("tiny_lfu"),
};

} // namespace trace

#endif
