// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_RANGE_V3_HPP
#define VMEM_RANGE_V3_HPP

#include <vmem/any_ptr.hpp>
#include <vmem/any_ref.hpp>
#include <vmem/ranges.hpp>
#include <vmem/vptr.hpp>
#include <vmem/vref.hpp>

#include <range/v3/iterator/concepts.hpp>
#include <range/v3/range/concepts.hpp>

/// \file
/// Opt-in: makes the range-v3 library see what the standard library sees, so that its views and
/// algorithms work on `vptr`, `any_ptr` and `chunks`. range-v3 has customisation points of its own
/// where it was written for C++14.

// For vref and any_ref alike.
template <class Reference, template <class> class TQual, template <class> class UQual>
    requires vmem::detail::is_vref<Reference>
struct concepts::basic_common_reference<Reference, typename Reference::value_type, TQual, UQual> {
    using type = typename Reference::value_type;
};
template <class Reference, template <class> class TQual, template <class> class UQual>
    requires vmem::detail::is_vref<Reference>
struct concepts::basic_common_reference<typename Reference::value_type, Reference, TQual, UQual> {
    using type = typename Reference::value_type;
};
template <class A, class B, template <class> class TQual, template <class> class UQual>
    requires vmem::detail::other_reference<A, B>
struct concepts::basic_common_reference<A, B, TQual, UQual> {
    using type = typename A::value_type;
};

template <class T, class Heap>
inline constexpr bool ranges::enable_view<vmem::chunk_view<T, Heap>> = true;

#endif
