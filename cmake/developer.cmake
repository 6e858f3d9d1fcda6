# SPDX-License-Identifier: BSL-1.0
# Settings for building vmem itself: never seen by those who use it.

option(VMEM_EXCEPTIONS "Compile with exceptions and RTTI" ON)
set(VMEM_SANITIZE "" CACHE STRING "Sanitizers to compile with, for example 'address,undefined'")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)

find_program(VMEM_CCACHE ccache)
mark_as_advanced(VMEM_CCACHE)
if(VMEM_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${VMEM_CCACHE}")
endif()

# Before the compile options below, which are not for code that is fetched.
if(VMEM_BUILD_TESTS)
  vmem_require(doctest doctest::doctest)
endif()
if(VMEM_BUILD_TESTS OR VMEM_BUILD_EXAMPLES)
  vmem_require(range-v3 range-v3::range-v3)
endif()
if(VMEM_BUILD_BENCH)
  vmem_require(benchmark benchmark::benchmark)
endif()
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

include(cmake/warnings.cmake)
include(cmake/sanitizers.cmake)
if(NOT VMEM_EXCEPTIONS)
  add_compile_options(-fno-exceptions -fno-rtti)
  add_compile_definitions(DOCTEST_CONFIG_NO_EXCEPTIONS_BUT_WITH_ALL_ASSERTS)
endif()

# vmem_add_programs(<folder> [<library>...]): each source file in the folder is a program of its own.
function(vmem_add_programs folder)
  file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${folder}/*.cpp")
  foreach(source IN LISTS sources)
    cmake_path(GET source STEM program)
    add_executable(${program} "${source}")
    target_link_libraries(${program} PRIVATE vmem::vmem Threads::Threads ${ARGN})
    if(TARGET range-v3::range-v3)
      target_link_libraries(${program} PRIVATE range-v3::range-v3)
    endif()
    set_target_properties(${program} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/${folder}")
  endforeach()
endfunction()
