// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_STORAGE_TRACED_HPP
#define VMEM_STORAGE_TRACED_HPP

#include <vmem/config.hpp>
#include <vmem/detail/adapted_storage.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>
#include <vmem/storage/gathering.hpp>
#include <vmem/storage/scattering.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

namespace vmem {

enum class storage_operation : std::uint8_t { read, write, sync, erase };

/// What a `traced` storage has been asked, and how that went.
struct storage_event {
    storage_operation operation;
    /// Where it starts, and bytes; 0 for a sync.
    address at;
    address count;
    bool succeeded;
};

/// A storage that tells `Sink` of each operation, after it, and passes it on unchanged. A sink is
/// called with a `storage_event`; it must not use the heap that is above.
///
/// It sees what reaches the storage: the misses of a heap, not its accesses. Those are what
/// `recorded` sees. Accesses through `data()`, where the storage is memory-mapped, are no
/// operations.
template <class Storage, class Sink>
class traced : public detail::adapted_capacity<Storage> {
    static_assert((check_storage<Storage>(), true));
    static_assert(std::invocable<Sink&, const storage_event&>,
                  "traced: Sink must be callable with a storage_event");

public:
    static constexpr storage_geometry geometry = storage_traits<Storage>::geometry;

    constexpr traced()
        requires(std::default_initializable<Storage> && std::default_initializable<Sink>)
    = default;
    constexpr explicit traced(Storage storage, Sink sink = {})
        : storage_(std::move(storage)), sink_(std::move(sink)) {}

    /// Bytes.
    [[nodiscard]] constexpr address size() const noexcept { return storage_.size(); }

    [[nodiscard]] constexpr result<void> read(address from, std::span<std::byte> out) {
        return tell(storage_operation::read, from, out.size(), storage_.read(from, out));
    }
    [[nodiscard]] constexpr result<void> write(address to, std::span<const std::byte> in) {
        return tell(storage_operation::write, to, in.size(), storage_.write(to, in));
    }
    /// As the adapted storage does.
    [[nodiscard]] constexpr result<void> read_scattered(address from, address count, auto& next)
        requires scattering_storage<Storage>
    {
        return tell(storage_operation::read, from, count,
                    storage_.read_scattered(from, count, next));
    }
    [[nodiscard]] constexpr result<void> write_gathered(address to, address count, auto& next)
        requires gathering_storage<Storage>
    {
        return tell(storage_operation::write, to, count, storage_.write_gathered(to, count, next));
    }
    [[nodiscard]] constexpr result<void> sync() {
        return tell(storage_operation::sync, 0, 0, storage_.sync());
    }
    [[nodiscard]] constexpr result<void> erase(address at, address count)
        requires detail::has_storage_erase<Storage>
    {
        return tell(storage_operation::erase, at, count, storage_.erase(at, count));
    }
    [[nodiscard]] constexpr std::byte* data() noexcept
        requires memory_mapped_storage<Storage>
    {
        return storage_.data();
    }

    /// Who is told.
    [[nodiscard]] constexpr Sink& sink() noexcept { return sink_; }
    /// The storage adapted; accesses to it are not told.
    [[nodiscard]] constexpr Storage& inner() noexcept { return storage_; }
    /// The storage adapted.
    [[nodiscard]] constexpr const Storage& inner() const noexcept { return storage_; }

private:
    [[nodiscard]] constexpr result<void> tell(storage_operation operation, address at,
                                              address count, result<void> done) {
        sink_(storage_event{.operation = operation,
                            .at = at,
                            .count = count,
                            .succeeded = static_cast<bool>(done)});
        return done;
    }

    Storage storage_;
    [[no_unique_address]] Sink sink_{};
};

namespace detail {

struct no_sink {
    constexpr void operator()(const storage_event&) const noexcept {}
};

} // namespace detail

static_assert(storage<traced<storage_archetype, detail::no_sink>>);

} // namespace vmem

#endif
