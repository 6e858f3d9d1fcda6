# SPDX-License-Identifier: BSL-1.0
# They are errors where CMAKE_COMPILE_WARNING_AS_ERROR says so, as in every preset.
if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
  add_compile_options(-Wall -Wextra -Wconversion -Wshadow)
  # A false alarm about "text" + string with optimisation (GCC bug 105651).
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    add_compile_options(-Wno-restrict)
  endif()
endif()
