# SPDX-License-Identifier: BSL-1.0
# Where vmem's dependencies come from: the system's packages, or, if VMEM_FETCH_DEPENDENCIES is on,
# a download of a pinned version.

set(vmem_fetch_Boost
    URL https://github.com/boostorg/boost/releases/download/boost-1.86.0/boost-1.86.0-cmake.tar.xz)
set(vmem_fetch_tl-expected
    GIT_REPOSITORY https://github.com/TartanLlama/expected.git GIT_TAG v1.1.0 GIT_SHALLOW ON)
set(vmem_fetch_range-v3
    GIT_REPOSITORY https://github.com/ericniebler/range-v3.git GIT_TAG 0.12.0 GIT_SHALLOW ON)
set(vmem_fetch_doctest
    GIT_REPOSITORY https://github.com/doctest/doctest.git GIT_TAG v2.4.11 GIT_SHALLOW ON)
set(vmem_fetch_benchmark
    GIT_REPOSITORY https://github.com/google/benchmark.git GIT_TAG v1.8.3 GIT_SHALLOW ON)

# Only where a package accepts newer versions than the one asked for.
set(vmem_version_Boost 1.74)

set(vmem_debian_Boost libboost-dev)
set(vmem_debian_tl-expected libexpected-dev)
set(vmem_debian_range-v3 librange-v3-dev)
set(vmem_debian_doctest doctest-dev)
set(vmem_debian_benchmark libbenchmark-dev)

# vmem_look_for(<target>...): the first of the targets that exists is in VMEM_FOUND_TARGET; without any, it
# is empty.
function(vmem_look_for)
  set(VMEM_FOUND_TARGET "" PARENT_SCOPE)
  foreach(target IN LISTS ARGN)
    if(TARGET ${target})
      set(VMEM_FOUND_TARGET ${target} PARENT_SCOPE)
      return()
    endif()
  endforeach()
endfunction()

# vmem_find(<package> <target>...): looks for the package, and fetches it if that is allowed. The first of
# the targets that it then gives is in VMEM_FOUND_TARGET.
macro(vmem_find package)
  vmem_look_for(${ARGN})
  if(NOT VMEM_FOUND_TARGET)
    find_package(${package} ${vmem_version_${package}} CONFIG QUIET)
    vmem_look_for(${ARGN})
  endif()
  if(NOT VMEM_FOUND_TARGET AND VMEM_FETCH_DEPENDENCIES)
    vmem_fetch(${package})
    vmem_look_for(${ARGN})
  endif()
endmacro()

# As vmem_find, but the package must be there.
macro(vmem_require package)
  vmem_find(${package} ${ARGN})
  if(NOT VMEM_FOUND_TARGET)
    message(
      FATAL_ERROR
        "vmem: ${package} was not found. Install it (Debian and Ubuntu: "
        "apt-get install ${vmem_debian_${package}}), or configure with -DVMEM_FETCH_DEPENDENCIES=ON.")
  endif()
endmacro()

function(vmem_fetch package)
  include(FetchContent)
  # The dependencies' own tests and tools are not ours to build.
  set(CMAKE_POLICY_DEFAULT_CMP0077 NEW)
  set(BOOST_INCLUDE_LIBRARIES intrusive)
  set(EXPECTED_BUILD_TESTS OFF)
  set(EXPECTED_BUILD_PACKAGE OFF)
  set(DOCTEST_WITH_TESTS OFF)
  set(DOCTEST_NO_INSTALL ON)
  set(BENCHMARK_ENABLE_TESTING OFF)
  set(BENCHMARK_ENABLE_INSTALL OFF)
  set(options "")
  if(CMAKE_VERSION VERSION_GREATER_EQUAL 3.25)
    list(APPEND options SYSTEM)
  endif()
  if(CMAKE_VERSION VERSION_GREATER_EQUAL 3.28)
    list(APPEND options EXCLUDE_FROM_ALL)
  endif()
  message(STATUS "vmem: downloading ${package}")
  FetchContent_Declare(${package} ${vmem_fetch_${package}} ${options})
  FetchContent_MakeAvailable(${package})
endfunction()

# What <vmem/...> itself includes. Sets VMEM_CORE_DEPENDENCIES.
macro(vmem_find_core_dependencies)
  set(VMEM_CORE_DEPENDENCIES "")
  if(VMEM_NEEDS_BOOST)
    # Fetched, Boost has a target per library; found, it has one for all headers. A user's project may do
    # without: then <vmem/vmem.hpp> has no linked_list_allocator.
    if(VMEM_REQUIRE_BOOST)
      vmem_require(Boost Boost::intrusive Boost::headers)
    else()
      vmem_find(Boost Boost::intrusive Boost::headers)
    endif()
    list(APPEND VMEM_CORE_DEPENDENCIES ${VMEM_FOUND_TARGET})
  endif()
  # Only where the standard library has no std::expected; vmem decides by its feature test macro.
  vmem_find(tl-expected tl::expected)
  if(VMEM_FOUND_TARGET)
    list(APPEND VMEM_CORE_DEPENDENCIES ${VMEM_FOUND_TARGET})
  else()
    message(STATUS "vmem: tl-expected was not found; compile as C++23 with a standard library that "
                   "has std::expected, or install it (Debian and Ubuntu: libexpected-dev)")
  endif()
endmacro()
