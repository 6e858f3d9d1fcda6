// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_BOUND_RESIDENCY_HPP
#define VMEM_DETAIL_BOUND_RESIDENCY_HPP

#include <vmem/policies.hpp>
#include <vmem/residency/concept.hpp>

#include <cstddef>
#include <type_traits>

namespace vmem::detail {

/// A residency for a storage, and what the policies say of it.
template <class Residency, class Storage, class... Policies>
struct bound_residency {
    using address_type = typename policy<address_policy, address_bits<32>, Policies...>::type;
    static constexpr bool counts = policy<statistics_policy, statistics<false>, Policies...>::value;
    static constexpr std::size_t limit =
        policy<dirty_policy, dirty_limit<static_cast<std::size_t>(-1)>, Policies...>::value;

    template <class R>
    static auto bind() {
        if constexpr (requires {
                          typename R::template bind_limited<Storage, address_type, counts, limit>;
                      }) {
            return std::type_identity<
                typename R::template bind_limited<Storage, address_type, counts, limit>>{};
        } else {
            static_assert(policy_count<dirty_policy, Policies...> == 0 &&
                              policy_count<persisted_policy, Policies...> == 0,
                          "heap: dirty_limit<> and on_persisted<> need resident_objects<>");
            return std::type_identity<typename R::template bind<Storage, address_type, counts>>{};
        }
    }
    using type = typename decltype(bind<Residency>())::type;
};

/// What the allocator of a heap keeps its state on: the residency, unless that has a way past it.
template <class Residency>
struct medium_of {
    using type = Residency;
};
template <object_residency Residency>
struct medium_of<Residency> {
    using type = typename Residency::medium_type;
};

} // namespace vmem::detail

#endif
