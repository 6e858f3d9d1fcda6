// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_PERSIST_PERSIST_ALL_HPP
#define VMEM_PERSIST_PERSIST_ALL_HPP

#include <vmem/result.hpp>

namespace vmem {

template <class... Heaps>
result<void> persist_all(Heaps&... heaps);

namespace detail {

template <class... Heaps>
void persist_all_alive() {
    if ((Heaps::alive() && ...)) {
        static_cast<void>(persist_all(Heaps::current()...));
    }
}

} // namespace detail

/// Persists several heaps, in this order. For an interrupt or a signal, at any instruction: while
/// one of them is being changed all of it is put off until that is done, so that none is written
/// while another one uses a device that they share; then the result is good. Errors: the first one;
/// all heaps are tried. A handler of `on_persisted<>` that stops the program belongs to the last.
template <class... Heaps>
result<void> persist_all(Heaps&... heaps) {
    const auto put_off = [](auto& heap) {
        if (heap.is_busy()) {
            heap.when_idle(&detail::persist_all_alive<Heaps...>);
            return true;
        }
        return false;
    };
    result<void> outcome;
    if (!(put_off(heaps) || ...)) {
        const auto persist = [&](auto& heap) {
            if (const auto persisted = heap.persist(); !persisted && outcome) {
                outcome = persisted;
            }
        };
        (persist(heaps), ...);
    }
    return outcome;
}

} // namespace vmem

#endif
