// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_HEAP_ROOTS_HPP
#define VMEM_DETAIL_HEAP_ROOTS_HPP

#include <vmem/persist/superblock.hpp>
#include <vmem/persist/type_tag.hpp>
#include <vmem/result.hpp>
#include <vmem/vptr.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace vmem::detail {

/// The named objects of a `Heap`: what a program starts from after a reboot.
template <class Heap, std::size_t Roots>
class heap_roots {
public:
    /// Where the root of that name points; null if there is none. Errors: wrong_type if it was set
    /// with a pointer to another type (see `type_tag`); too_large (a name of more than 16
    /// characters), zero_size (an empty one), not_open. No I/O.
    template <class T>
    [[nodiscard]] result<vptr<T, Heap>> root(const char* name) {
        check_count<T>();
        const auto guard = self().section();
        const auto wanted = entry<T>(name);
        if (!wanted) {
            return failure(wanted.error());
        }
        const auto found = self().roots_.find(*wanted);
        if (!found && found.error() != errc::not_found) {
            return failure(found.error());
        }
        using word = typename Heap::address_type;
        return vptr<T, Heap>::from_address(static_cast<word>(found ? *found : 0));
    }

    /// Makes the root of that name point to `p`; null removes it. It lasts from the next `commit`
    /// on, without a journal from the next `flush`. Errors: full (more names than `roots<>` says),
    /// and those of `root`. No I/O.
    template <class T>
    [[nodiscard]] result<void> set_root(const char* name, vptr<T, Heap> p) {
        check_count<T>();
        const auto guard = self().section();
        auto made = entry<std::remove_cv_t<T>>(name);
        if (!made) {
            return failure(made.error());
        }
        made->address = p == nullptr ? 0 : p.to_address();
        return self().roots_.set(*made);
    }
    [[nodiscard]] result<void> set_root(const char* name, std::nullptr_t) {
        return set_root(name, vptr<char, Heap>{});
    }

private:
    [[nodiscard]] Heap& self() noexcept { return static_cast<Heap&>(*this); }

    template <class T>
    static consteval void check_count() {
        static_assert(Roots != 0 && sizeof(T) != 0,
                      "heap: a named root needs the policy roots<Count>, or durability<journaled>");
    }

    template <class T>
    [[nodiscard]] result<root_entry> entry(const char* name) {
        if (!self().is_open()) {
            return failure(errc::not_open);
        }
        root_entry made;
        std::size_t length = 0;
        for (; name[length] != '\0'; ++length) {
            if (length == root_entry::name_size) {
                return failure(errc::too_large);
            }
            made.name[length] = name[length];
        }
        if (length == 0) {
            return failure(errc::zero_size);
        }
        made.size = static_cast<std::uint32_t>(sizeof(T));
        made.tag = type_tag<std::remove_cv_t<T>>;
        return made;
    }
};

} // namespace vmem::detail

#endif
