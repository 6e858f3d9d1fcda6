// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_RESULT_HPP
#define VMEM_RESULT_HPP

#include <cstdint>
#include <type_traits>
#include <version>

#if defined(__cpp_lib_expected)
#include <expected>
#else
#include <vmem/detail/void_result.hpp>

#include <tl/expected.hpp>
#endif

namespace vmem {

/// Why an operation failed. `message()` has a sentence for each. The processor's fastest type of at
/// least 8 bits: a byte, or a word where one that comes back from a call would have to be extended.
enum class errc : std::uint_fast8_t {
    // The caller's arguments
    null_pointer = 1,
    out_of_range,
    misaligned,
    zero_size,
    too_large,
    not_contiguous,
    foreign_pointer,
    double_free,
    // The heap's state
    out_of_memory,
    no_free_frame,
    no_heap,
    not_open,
    already_open,
    larger_than_arena,
    over_dirty_limit,
    over_journal,
    rolled_back,
    pinned,
    // The container's state
    empty,
    full,
    // The storage
    read_failed,
    write_failed,
    sync_failed,
    storage_full,
    read_only,
    not_found,
    wrong_type,
    access_denied,
    in_use,
    no_resources,
    not_a_file,
    wrong_size,
    no_device,
    wrong_device,
    timed_out,
    power_lost,
    // The bytes found on the storage
    not_formatted,
    version_too_old,
    version_too_new,
    geometry_mismatch,
    truncated,
    corrupt,
};

/// One sentence that names the cause, without a full stop. Never null. O(1).
// NOLINTNEXTLINE(readability-function-size): as long as there are errors
[[nodiscard]] constexpr const char* message(errc code) noexcept {
    switch (code) {
    case errc::null_pointer:
        return "null pointer dereferenced";
    case errc::out_of_range:
        return "address beyond the end of the memory";
    case errc::misaligned:
        return "address or size not aligned as its type requires";
    case errc::zero_size:
        return "a size of zero was requested";
    case errc::too_large:
        return "larger than this composition can address";
    case errc::not_contiguous:
        return "element straddles two pages and has no single raw address";
    case errc::foreign_pointer:
        return "pointer was not handed out by this allocator";
    case errc::double_free:
        return "block is already free";
    case errc::out_of_memory:
        return "no free block is large enough";
    case errc::no_free_frame:
        return "every frame is pinned";
    case errc::no_heap:
        return "no heap of this type is alive";
    case errc::not_open:
        return "heap is neither formatted nor opened";
    case errc::already_open:
        return "a heap of this type is alive already; use instance<Tag>";
    case errc::larger_than_arena:
        return "object is larger than the arena into which it would be loaded";
    case errc::over_dirty_limit:
        return "change does not fit the dirty limit";
    case errc::over_journal:
        return "transaction does not fit the journal, or with journaled_no_steal the frames";
    case errc::rolled_back:
        return "transaction was rolled back";
    case errc::pinned:
        return "object is pinned already, which excludes this use of it";
    case errc::empty:
        return "container has no element";
    case errc::full:
        return "container has no room for another element";
    case errc::read_failed:
        return "storage read failed";
    case errc::write_failed:
        return "storage write failed";
    case errc::sync_failed:
        return "storage sync failed";
    case errc::storage_full:
        return "no space left on the device that holds the storage";
    case errc::read_only:
        return "storage is read-only";
    case errc::not_found:
        return "no such file or directory";
    case errc::wrong_type:
        return "root is of another type";
    case errc::access_denied:
        return "permission denied";
    case errc::in_use:
        return "storage is in use already, by this process or another";
    case errc::no_resources:
        return "system is out of file descriptors, locks or memory";
    case errc::not_a_file:
        return "not a regular file";
    case errc::wrong_size:
        return "storage has the wrong size";
    case errc::no_device:
        return "no device answered";
    case errc::wrong_device:
        return "another device answered than was expected";
    case errc::timed_out:
        return "device was not ready in time";
    case errc::power_lost:
        return "power was lost";
    case errc::not_formatted:
        return "storage holds no vmem image";
    case errc::version_too_old:
        return "image was written by an older, incompatible version";
    case errc::version_too_new:
        return "image was written by a newer version";
    case errc::geometry_mismatch:
        return "image was written by another composition";
    case errc::truncated:
        return "storage is smaller than the image on it";
    case errc::corrupt:
        return "image is damaged";
    }
    return "unknown error";
}

#if defined(__cpp_lib_expected)
template <class T>
using result = std::expected<T, errc>;
using failure = std::unexpected<errc>;
#else
/// Either a `T` or the `errc` that says why there is none: `std::expected` where the standard
/// library has it, `tl::expected` (same interface) elsewhere; there `result<void>` is a class of
/// that interface, as small as `errc`, and converts to and from `tl::expected<void, errc>`.
template <class T>
using result =
    std::conditional_t<std::is_void_v<T>, detail::void_result<errc>, tl::expected<T, errc>>;

/// What a failing function returns: `return failure(errc::out_of_memory);`
using failure = tl::unexpected<errc>;
#endif

} // namespace vmem

#endif
