// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_STORAGE_MIRRORED_HPP
#define VMEM_STORAGE_MIRRORED_HPP

#include <vmem/config.hpp>
#include <vmem/detail/adapted_storage.hpp>
#include <vmem/detail/mirror_halves.hpp>
#include <vmem/detail/mirror_mark.hpp>
#include <vmem/result.hpp>
#include <vmem/storage/concept.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

namespace vmem {

/// The same bytes on two storages. Writes go to both; a read that the first cannot serve, because
/// it fails or (`checked`) is corrupt, is served by the second, and what the one could not read is
/// written to it anew from the other.
///
/// A half that fails to write or sync is left out from then on, and the other goes on alone: before
/// the operation succeeds, it is durably marked as the newer one, so that no later start takes old
/// bytes for current ones. `rebuild` takes the half, or its replacement, in again.
///
/// Of a write that power cuts short either half may have all, some or nothing: a read gives what
/// the first has unless it cannot be read, so each unit is old or new, as on any storage. `scrub`
/// makes both equal again. A unit that was torn in both `checked` halves is corrupt, as on one.
///
/// Costs: two writes, two syncs, one read; a repair reads and writes a unit. RAM: one unit, which
/// is the coarsest granularity of the two. The last two units of each are the mirror's own.
template <class First, class Second>
class mirrored : public detail::mirror_halves<First, Second> {
    using base = detail::mirror_halves<First, Second>;
    using base::buffer_;
    using base::load_from;
    using base::mark;
    using base::one_of;
    using base::other;
    using base::read_mark;
    using base::size_;
    using base::spoil;
    using base::store_to;

public:
    using base::geometry;
    using base::unit;

    /// Makes a mirror of what the first storage holds: copies all of it to the second. Errors:
    /// wrong_size if one of them has no room for three units; theirs.
    [[nodiscard]] static result<mirrored> format(First first, Second second) {
        mirrored made(std::move(first), std::move(second));
        if (made.size_ == 0) {
            return failure(errc::wrong_size);
        }
        made.generation_ = 1;
        made.used_ = {true, false};
        if (const auto marked = made.mark(mirror_half::first, 1); !marked) {
            return failure(marked.error());
        }
        if (const auto built = made.rebuild(); !built) {
            return failure(built.error());
        }
        return made;
    }

    /// Takes up a mirror. A half that missed writes, that is blank, or that cannot be read where
    /// its mark is, is left out: see `uses`. Writes nothing. Errors: wrong_size; not_formatted if
    /// neither half has a mark; the first half's if neither can be read.
    [[nodiscard]] static result<mirrored> open(First first, Second second) {
        mirrored made(std::move(first), std::move(second));
        if (made.size_ == 0) {
            return failure(errc::wrong_size);
        }
        const auto here = made.read_mark(mirror_half::first);
        const auto there = made.read_mark(mirror_half::second);
        if (!here && !there) {
            return failure(here.error());
        }
        // Where the one cannot be read, the other counts.
        made.generation_ = here.value_or(0) > there.value_or(0) ? *here : there.value_or(0);
        if (made.generation_ == 0) {
            return failure(errc::not_formatted);
        }
        made.used_ = {here.value_or(0) == made.generation_, there.value_or(0) == made.generation_};
        // What cannot be read now may be readable, and just as new, at the next start.
        made.unmarked_ = !here || !there;
        return made;
    }

    /// Errors: those of the first half, if neither can serve it.
    [[nodiscard]] result<void> read(address from, std::span<std::byte> out) {
        if (!detail::lies_within(size_, from, out.size())) {
            return failure(errc::out_of_range);
        }
        const auto done = one_of(preferred(), [&](auto& half) { return half.read(from, out); });
        if (done || !uses_both() || detail::is_refusal(done.error())) {
            return done;
        }
        return read_units(from, out);
    }

    /// Errors: corrupt for less than a unit that neither half can read; those of a half if the
    /// other cannot go on alone.
    [[nodiscard]] result<void> write(address to, std::span<const std::byte> in) {
        if (!detail::lies_within(size_, to, in.size())) {
            return failure(errc::out_of_range);
        }
        return on_both([&](mirror_half which) { return write_repairing(which, to, in); });
    }

    [[nodiscard]] result<void> sync() {
        return on_both([this](mirror_half which) {
            return one_of(which, [](auto& half) { return half.sync(); });
        });
    }

    /// Reads both halves completely, repairs what one of them cannot read, and where they differ
    /// has the second agree with the first; then syncs. Errors: that of the first unit that was not
    /// seen to, after all others were; corrupt only if nothing is amiss but units that neither half
    /// can read. With one half in use it only reads.
    [[nodiscard]] result<void> scrub() {
        result<void> outcome;
        const auto note = [&outcome](const result<void>& done) {
            if (!done && (outcome || outcome.error() == errc::corrupt)) {
                outcome = done;
            }
        };
        for (address at = 0; at < size_; at += unit) {
            const auto loaded = load(at);
            note(loaded && uses_both() ? agree(at) : loaded);
        }
        note(sync());
        return outcome;
    }

    /// Takes in the half that was left out: copies everything to it. Nothing to do if both are in
    /// use. A unit that is corrupt becomes corrupt there too, if the half is `checked`. Errors:
    /// those of the halves; then it is still left out.
    [[nodiscard]] result<void> rebuild() {
        if (uses_both()) {
            return {};
        }
        const mirror_half stale = other(preferred());
        // If a mark failed before, that of the half in use may be older than `generation_`.
        if (const auto settled = settle(); !settled) {
            return settled;
        }
        for (address at = 0; at < size_; at += unit) {
            const auto loaded = load_from(preferred(), at);
            const auto done = loaded ? store_to(stale, at) : spoil(stale, at, loaded.error());
            if (!done) {
                return done;
            }
        }
        // First everything, then the mark that says so.
        if (const auto synced = one_of(stale, [](auto& half) { return half.sync(); }); !synced) {
            return synced;
        }
        const auto marked = mark(stale, generation_);
        used_[static_cast<std::size_t>(stale)] = marked.has_value();
        // If that failed, the mark may be there all the same.
        unmarked_ = !marked;
        return marked;
    }

    /// Whether a half is in use. One that is not holds old bytes.
    [[nodiscard]] constexpr bool uses(mirror_half which) const noexcept {
        return used_[static_cast<std::size_t>(which)];
    }
    /// Units that were written anew because one half could not read them, or `scrub` found it to
    /// differ.
    [[nodiscard]] constexpr std::uint64_t repairs() const noexcept { return repairs_; }

private:
    mirrored(First&& first, Second&& second) : base(std::move(first), std::move(second)) {}

    [[nodiscard]] constexpr bool uses_both() const noexcept { return used_[0] && used_[1]; }
    /// The half that is read first. One of them is always in use.
    [[nodiscard]] constexpr mirror_half preferred() const noexcept {
        return used_[0] ? mirror_half::first : mirror_half::second;
    }
    /// The same with a generation that no half has. If that fails, it may be there all the same,
    /// and is not used again.
    [[nodiscard]] result<void> mark_newer(mirror_half which) { return mark(which, ++generation_); }
    /// Marks the half in use as the newer one, if the other might not be older.
    [[nodiscard]] result<void> settle() {
        if (unmarked_) {
            const auto marked = mark_newer(preferred());
            unmarked_ = !marked;
            return marked;
        }
        return {};
    }

    /// Does the same to both halves. The one that fails is left out if the other can go on alone.
    template <class Operation>
    [[nodiscard]] result<void> on_both(Operation operation) {
        if (const auto settled = settle(); !settled) {
            return settled;
        }
        for (const mirror_half which : {mirror_half::first, mirror_half::second}) {
            if (!uses(which)) {
                continue;
            }
            const auto done = operation(which);
            if (done) {
                continue;
            }
            if (!uses_both() || done.error() == errc::corrupt || detail::is_refusal(done.error()) ||
                !go_on_without(which)) {
                return done;
            }
        }
        return {};
    }
    [[nodiscard]] bool go_on_without(mirror_half which) {
        const bool marked = mark_newer(other(which)).has_value();
        used_[static_cast<std::size_t>(which)] = !marked;
        return marked;
    }

    /// Where a write of a part of a unit fails because the rest cannot be read, the other half may
    /// know it.
    [[nodiscard]] result<void> write_repairing(mirror_half which, address to,
                                               std::span<const std::byte> in) {
        const auto write = [&](auto& half) { return half.write(to, in); };
        const auto done = one_of(which, write);
        if (done || done.error() != errc::corrupt || !uses_both()) {
            return done;
        }
        for (address at = detail::align_down(to, unit); at < to + in.size(); at += unit) {
            if (!load_from(other(which), at)) {
                return done;
            }
            if (const auto stored = store_to(which, at); !stored) {
                return stored;
            }
            ++repairs_;
        }
        return one_of(which, write);
    }

    [[nodiscard]] result<void> read_units(address from, std::span<std::byte> out) {
        while (!out.empty()) {
            if (const auto loaded = load(detail::align_down(from, unit)); !loaded) {
                return loaded;
            }
            const auto offset = static_cast<std::size_t>(from % unit);
            const std::size_t part = detail::lesser(unit - offset, out.size());
            std::memcpy(out.data(), buffer_.data() + offset, part);
            out = out.subspan(part);
            from += part;
        }
        return {};
    }

    /// Brings a unit into the buffer, from whichever half can read it, and repairs the other.
    [[nodiscard]] result<void> load(address at) {
        const auto found = load_from(preferred(), at);
        if (found || !uses_both() || !load_from(mirror_half::second, at)) {
            return found;
        }
        // Should this fail, the unit cannot be read the next time either.
        repairs_ += store_to(mirror_half::first, at) ? 1U : 0U;
        return {};
    }
    /// Has the second half hold at `at` what the buffer does.
    [[nodiscard]] result<void> agree(address at) {
        const std::uint64_t expected = detail::digest(buffer_);
        if (load_from(mirror_half::second, at) && detail::digest(buffer_) == expected) {
            return {};
        }
        if (const auto loaded = load_from(mirror_half::first, at); !loaded) {
            return loaded;
        }
        const auto stored = store_to(mirror_half::second, at);
        repairs_ += stored ? 1U : 0U;
        return stored;
    }

    std::uint64_t generation_ = 0;
    std::uint64_t repairs_ = 0;
    /// A half is left out, and at the next start its mark might be as new as the other's.
    bool unmarked_ = false;
    /// By half.
    std::array<bool, 2> used_{};
};
static_assert(storage<mirrored<storage_archetype, storage_archetype>>);

} // namespace vmem

#endif
