# SPDX-License-Identifier: BSL-1.0
# They are errors where CMAKE_COMPILE_WARNING_AS_ERROR says so, as in every preset.
if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
  add_compile_options(-Wall -Wextra -Wconversion -Wshadow)
endif()
