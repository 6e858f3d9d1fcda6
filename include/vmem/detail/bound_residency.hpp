// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_DETAIL_BOUND_RESIDENCY_HPP
#define VMEM_DETAIL_BOUND_RESIDENCY_HPP

#include <vmem/config.hpp>
#include <vmem/detail/headed_storage.hpp>
#include <vmem/detail/journal_record.hpp>
#include <vmem/detail/unit_io.hpp>
#include <vmem/persist/journal_storage.hpp>
#include <vmem/persist/superblock.hpp>
#include <vmem/policies.hpp>
#include <vmem/residency/concept.hpp>

#include <bit>
#include <cstddef>
#include <type_traits>

namespace vmem::detail {

/// What `journal_storage` is made of. With no `FilterBits` no block leaves RAM before its commit.
template <std::size_t JournalBytes, std::size_t BlockBytes, std::size_t FilterBits,
          std::size_t Roots, std::size_t ListSize = 128, bool ListOverflows = true>
struct journal_shape {
    static constexpr std::size_t journal_bytes = JournalBytes;
    static constexpr std::size_t block_bytes = BlockBytes;
    static constexpr std::size_t filter_bits = FilterBits;
    static constexpr std::size_t roots = Roots;
    /// Changes that a commit can note down without writing them first, and whether there may be
    /// more.
    static constexpr std::size_t list_size = ListSize;
    static constexpr bool list_overflows = ListOverflows;
};

/// A residency over a journal. Nothing has to be durable before its commit, so a sync is nothing,
/// for the allocator too.
template <class Residency>
class committed_residency : public Residency {
public:
    using Residency::Residency;

    [[nodiscard]] result<void> sync() noexcept { return {}; }
    /// Hands every change to the journal.
    [[nodiscard]] result<void> write_out() { return Residency::sync(); }
};

/// A residency for a storage, and what the policies say of it.
template <class Residency, class Storage, class... Policies>
struct bound_residency {
    using address_type = typename policy<address_policy, address_bits<32>, Policies...>::type;
    static constexpr bool counts = policy<statistics_policy, statistics<false>, Policies...>::value;
    static constexpr std::size_t limit =
        policy<dirty_policy, dirty_limit<static_cast<std::size_t>(-1)>, Policies...>::value;
    using durability_type = typename policy<durability_policy, durability<none>, Policies...>::type;
    static constexpr bool has_journal = is_journaled<durability_type>;
    static constexpr std::size_t root_count =
        policy<roots_policy, roots<(has_journal ? 4 : 0)>, Policies...>::value;

    template <class R, class S>
    static auto bind() {
        if constexpr (requires {
                          typename R::template bind_limited<S, address_type, counts, limit>;
                      }) {
            return std::type_identity<
                typename R::template bind_limited<S, address_type, counts, limit>>{};
        } else {
            static_assert(policy_count<dirty_policy, Policies...> == 0 &&
                              policy_count<persisted_policy, Policies...> == 0,
                          "heap: dirty_limit<> and on_persisted<> need resident_objects<>");
            return std::type_identity<typename R::template bind<S, address_type, counts>>{};
        }
    }
    using plain = typename decltype(bind<Residency, Storage>())::type;

    static_assert(!std::is_same_v<durability_type, on_persist> || object_residency<plain>,
                  "heap: durability<on_persist> needs resident_objects<>");
    static_assert(
        !has_journal || policy_count<persisted_policy, Policies...> == 0,
        "heap: with durability<journaled<...>> there is no persist, and no on_persisted<>");

    /// Where the storage is to be aligned as the residency expects it (bytes).
    static constexpr std::size_t alignment = [] {
        if constexpr (object_residency<plain>) {
            return std::size_t{64};
        } else {
            return lesser(plain::page_size, 4096);
        }
    }();

    /// Pieces that a sync hands to the storage at most; 0 if that is unknown.
    static constexpr std::size_t pieces = [] {
        if constexpr (requires { plain::sync_pieces; }) {
            return std::size_t{plain::sync_pieces};
        } else {
            return std::size_t{0};
        }
    }();

    /// Bits that tell which blocks have left RAM before their commit.
    template <class Mode, std::size_t Block>
    static consteval std::size_t filter_bits() {
        if constexpr (Mode::filter_bits == no_filter) {
            return 0;
        } else if constexpr (Mode::filter_bits != 0) {
            return Mode::filter_bits;
        } else if constexpr (fixed_size_storage<Storage>) {
            return std::bit_ceil(static_cast<std::size_t>(Storage::capacity / Block) | 8);
        } else {
            return 4096;
        }
    }
    /// With `journaled_no_steal` all frames fit a commit, so that only they limit a transaction.
    template <class Journal>
    static consteval bool holds_all_frames() {
        if constexpr (pieces != 0) {
            constexpr address chunks = (pieces - 1) / Journal::list_size + 1;
            return Journal::half - Journal::head_bytes >=
                   chunks * chunk_head<Journal::unit>(Journal::list_size) +
                       address{pieces} * plain::page_size;
        } else {
            return false;
        }
    }
    template <class Mode>
    static auto journal() {
        constexpr std::size_t block = Mode::block_bytes != 0    ? Mode::block_bytes
                                      : object_residency<plain> ? 256
                                                                : alignment;
        constexpr bool overflows = pieces == 0 || pieces > 128;
        constexpr std::size_t list_size = lesser(overflows ? plain::frame_count + 8 : pieces, 128);
        using adaptor =
            journal_storage<Storage,
                            journal_shape<Mode::journal_bytes, block, filter_bits<Mode, block>(),
                                          root_count, list_size, overflows>>;
        static_assert(adaptor::steals || pieces != 0,
                      "heap: journaled_no_steal needs paged<>; with other residencies choose "
                      "journaled<JournalBytes>");
        static_assert(adaptor::steals || pieces == 0 || holds_all_frames<adaptor>(),
                      "heap: journaled_no_steal needs half of JournalBytes for all page frames and "
                      "what describes them");
        return std::type_identity<adaptor>{};
    }

    template <class Mode>
    static auto wrap() {
        if constexpr (has_journal) {
            return journal<Mode>();
        } else if constexpr (root_count != 0) {
            constexpr std::size_t head = align_up(
                sizeof(superblock) + root_count * sizeof(root_entry), access_unit<Storage>);
            return std::type_identity<headed_storage<Storage, align_up(2 * head, alignment)>>{};
        } else {
            return std::type_identity<Storage>{};
        }
    }
    using storage_type = typename decltype(wrap<durability_type>())::type;

    template <class R>
    static auto over() {
        using bound = typename decltype(bind<R, storage_type>())::type;
        return std::type_identity<
            std::conditional_t<has_journal, committed_residency<bound>, bound>>{};
    }
    using type = typename decltype(over<Residency>())::type;
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
