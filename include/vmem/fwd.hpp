// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_FWD_HPP
#define VMEM_FWD_HPP

#include <cstddef>

/// \file
/// Names only, for headers that mention vmem's types without using them.
namespace vmem {

template <class Storage, class Residency, class Allocator, class... Policies>
class heap;

template <class T, class Heap>
class vptr;

template <class T, class Heap>
class vref;

template <class T, class Heap>
class pin;

template <class T, class Heap>
class unique_vptr;

template <class T, class Heap>
class any_ptr;

} // namespace vmem

#endif
