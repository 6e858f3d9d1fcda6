// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_POLICIES_HPP
#define VMEM_POLICIES_HPP

#include <vmem/config.hpp>
#include <vmem/result.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

/// \file
/// The optional arguments of `heap<>`, in any order. Each names its kind by an empty base, so that
/// the heap finds it and refuses two of one kind.
namespace vmem {

namespace detail {

struct address_policy {};
struct dirty_policy {};
struct durability_policy {};
struct fault_policy {};
struct instance_policy {};
struct locking_policy {};
struct persisted_policy {};
struct roots_policy {};
struct statistics_policy {};

} // namespace detail

/// What an operator that cannot return an error hands to the fault handler.
struct fault_info {
    errc code;
    /// The virtual address in question.
    address where;
};

/// The default fault handler: stops the program at once.
struct trap_on_fault {
    [[noreturn]] void operator()(fault_info) const noexcept { __builtin_trap(); }
};

/// A mutex for one thread: does nothing, costs nothing.
struct no_lock {
    constexpr void lock() noexcept {}
    constexpr void unlock() noexcept {}
};

template <class M>
concept lockable = std::default_initializable<M> && requires(M& m) {
    m.lock();
    m.unlock();
};

/// Width of a virtual pointer: 16, 32 (default) or 64 bits. It bounds the virtual memory.
template <unsigned Bits>
struct address_bits : detail::address_policy {
    static_assert(Bits == 16 || Bits == 32 || Bits == 64, "address_bits: choose 16, 32 or 64");
    static_assert(Bits / 8 <= sizeof(address),
                  "address_bits: wider than a storage address of this machine");
    using type = std::conditional_t<Bits == 16, std::uint16_t,
                                    std::conditional_t<Bits == 32, std::uint32_t, std::uint64_t>>;
};

/// What `*p`, `p->x` and `p[i]` do when they fail: `Handler{}(fault_info)`. A handler may reset the
/// device, log and stop, or throw; if it returns, the program traps.
template <class Handler>
struct on_fault : detail::fault_policy {
    static_assert(std::default_initializable<Handler> && std::invocable<Handler, fault_info>,
                  "on_fault: Handler must be default constructible and callable with a fault_info");
    using type = Handler;
};

/// A virtual pointer finds its heap by type; a tag makes another type of the same composition.
template <class Tag>
struct instance : detail::instance_policy {
    using type = Tag;
};

/// Guards every operation of the heap with a `Mutex`, for use from several threads.
template <class Mutex>
struct locking : detail::locking_policy {
    static_assert(lockable<Mutex>,
                  "locking: Mutex must be default constructible with lock() and unlock()");
    using type = Mutex;
};

/// Whether the heap counts accesses, page-ins and write-backs (see `paging_statistics`).
template <bool Enabled>
struct statistics : detail::statistics_policy {
    static constexpr bool value = Enabled;
};

/// Most bytes that are unsaved at any instant, what describes them included, so that a persist has
/// a bound that suits the energy there is. For `resident_objects`; without it the arena is the
/// limit.
template <std::size_t Bytes>
struct dirty_limit : detail::dirty_policy {
    static constexpr std::size_t value = Bytes;
};

/// What happens after each persist: `Handler{}(result<void>)` is called with its outcome, in the
/// interrupt that asked for it or at the end of the critical section that put it off. Where an
/// operating system would stop the program. It may call `restore`.
template <class Handler>
struct on_persisted : detail::persisted_policy {
    static_assert(std::default_initializable<Handler> && std::invocable<Handler, result<void>>,
                  "on_persisted: Handler must be default constructible and callable with a "
                  "result<void>");
    using type = Handler;
};

/// What a power cut leaves, as the argument of `durability<>`: nothing that could be taken up. The
/// storage is more memory and no more: `format` writes no superblock, there is no `open` and no
/// `persist`. An image of another composition that was there is overwritten, but its superblock is
/// not erased: that composition must `format`, not `open`. Smallest in code.
struct scratch {};

/// Whatever was written at that moment.
struct none {};

/// The same; and all of it after a `persist` that there was time for. With `resident_objects`.
struct on_persist {};

/// The last commit, whenever the power goes. The heap then has `commit`, `rollback` and `roots<4>`,
/// and nothing that it did since the last commit outlives it. `JournalBytes` at the start of the
/// storage are taken for the journal; what one transaction changes must fit half of them.
///
/// `BlockBytes`: what is copied to the journal at a time, when pages or objects have to leave RAM
/// before the commit; 0: a page, at most 4096, or with `resident_objects` 256. `FilterBits`: RAM
/// for telling which blocks those are; 0: a bit for each, or 4096 if the storage has no `capacity`.
template <std::size_t JournalBytes, std::size_t BlockBytes = 0, std::size_t FilterBits = 0>
struct journaled {
    static constexpr std::size_t journal_bytes = JournalBytes;
    static constexpr std::size_t block_bytes = BlockBytes;
    static constexpr std::size_t filter_bits = FilterBits;
};

namespace detail {

inline constexpr std::size_t no_filter = static_cast<std::size_t>(-1);

template <class Mode>
inline constexpr bool is_journaled = false;
template <std::size_t JournalBytes, std::size_t BlockBytes, std::size_t FilterBits>
inline constexpr bool is_journaled<journaled<JournalBytes, BlockBytes, FilterBits>> = true;

} // namespace detail

/// `journaled` without the blocks that leave RAM before their commit ("no-steal": Haerder and
/// Reuter, Principles of Transaction-Oriented Database Recovery, 1983): what one transaction
/// changes has to fit the page frames, all of which have to fit half of `JournalBytes`. An access
/// that needs a frame while all are changed, and none is pinned, is over_journal, and so is every
/// later one that needs any, and `commit`, until a rollback. Smaller in code and RAM than
/// `journaled`; each of them refuses the other's images. With `paged`.
template <std::size_t JournalBytes>
using journaled_no_steal = journaled<JournalBytes, 0, detail::no_filter>;

/// What a power cut leaves: `none` (default), `scratch`, `on_persist`, `journaled<JournalBytes>`
/// or `journaled_no_steal<JournalBytes>`.
template <class Mode>
struct durability : detail::durability_policy {
    static_assert(std::is_same_v<Mode, scratch> || std::is_same_v<Mode, none> ||
                      std::is_same_v<Mode, on_persist> || detail::is_journaled<Mode>,
                  "durability: choose scratch, none, on_persist or journaled<JournalBytes>");
    using type = Mode;
};

/// How many objects can be found again by a name, with `root` and `set_root`. RAM: 32 bytes each.
/// Default: 4 with `durability<journaled<...>>`, else 0.
template <std::size_t Count>
struct roots : detail::roots_policy {
    static_assert(Count <= 1024, "roots: at most 1024; let a root point to a table");
    static constexpr std::size_t value = Count;
};

namespace detail {

/// The default of `on_persisted`.
struct go_on {
    void operator()(const result<void>&) const noexcept {}
};

template <class Kind, class Policy>
inline constexpr bool is_policy = std::is_base_of_v<Kind, Policy>;

template <class Kind, class... Policies>
inline constexpr std::size_t policy_count = (std::size_t{is_policy<Kind, Policies>} + ... + 0);

template <class Kind, class Default, class... Policies>
struct find_policy {
    using type = Default;
};
template <class Kind, class Default, class First, class... Rest>
struct find_policy<Kind, Default, First, Rest...> {
    using type = typename std::conditional_t<is_policy<Kind, First>, std::type_identity<First>,
                                             find_policy<Kind, Default, Rest...>>::type;
};

/// The policy of a kind among `Policies`, or the default.
template <class Kind, class Default, class... Policies>
using policy = typename find_policy<Kind, Default, Policies...>::type;

template <class P>
inline constexpr bool is_known_policy =
    is_policy<address_policy, P> || is_policy<fault_policy, P> || is_policy<instance_policy, P> ||
    is_policy<locking_policy, P> || is_policy<statistics_policy, P> || is_policy<dirty_policy, P> ||
    is_policy<persisted_policy, P> || is_policy<durability_policy, P> || is_policy<roots_policy, P>;

template <class... Policies>
consteval void check_policies() {
    static_assert((is_known_policy<Policies> && ...),
                  "heap: an argument after the allocator is not a policy; known are locking<>, "
                  "on_fault<>, address_bits<>, instance<>, statistics<>, dirty_limit<>, "
                  "on_persisted<>, durability<> and roots<>");
    static_assert(policy_count<address_policy, Policies...> <= 1 &&
                      policy_count<fault_policy, Policies...> <= 1 &&
                      policy_count<instance_policy, Policies...> <= 1 &&
                      policy_count<locking_policy, Policies...> <= 1 &&
                      policy_count<statistics_policy, Policies...> <= 1 &&
                      policy_count<dirty_policy, Policies...> <= 1 &&
                      policy_count<persisted_policy, Policies...> <= 1 &&
                      policy_count<durability_policy, Policies...> <= 1 &&
                      policy_count<roots_policy, Policies...> <= 1,
                  "heap: two policies of one kind; keep one of them");
}

} // namespace detail
} // namespace vmem

#endif
