// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_VERSION_HPP
#define VMEM_VERSION_HPP

// The one place that states the version: CMake and the packaging files read it from here.
#define VMEM_VERSION_MAJOR 0
#define VMEM_VERSION_MINOR 1
#define VMEM_VERSION_PATCH 0

namespace vmem {

/// Version of the library. The format of the bytes on storage has a version of its own
/// (`vmem::media_version`), because the two change at different times.
struct version_number {
    int major;
    int minor;
    int patch;
};

inline constexpr version_number version{VMEM_VERSION_MAJOR, VMEM_VERSION_MINOR, VMEM_VERSION_PATCH};

} // namespace vmem

#endif
