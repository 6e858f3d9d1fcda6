# SPDX-License-Identifier: BSL-1.0

# vmem_add_test(<name> <command>...): one test, in a working directory of its own, so that tests that
# write files can run at the same time.
function(vmem_add_test name)
  set(directory "${PROJECT_BINARY_DIR}/scratch/${name}")
  file(MAKE_DIRECTORY "${directory}")
  add_test(NAME ${name} COMMAND ${ARGN} WORKING_DIRECTORY "${directory}")
  set_tests_properties(${name} PROPERTIES TIMEOUT 900)
endfunction()

# vmem_add_doctest(<program> <prefix> <library> <source>...): one doctest program, and for each of its
# sources one test that runs that source's cases: <prefix>.<path below the folder of the suite>.
function(vmem_add_doctest program prefix library)
  add_executable(${program} "${PROJECT_SOURCE_DIR}/test/unit/main.cpp" ${ARGN})
  target_link_libraries(
    ${program} PRIVATE ${library} doctest::doctest range-v3::range-v3 Threads::Threads)
  target_include_directories(${program} PRIVATE "${PROJECT_SOURCE_DIR}/test")
  foreach(source IN LISTS ARGN)
    cmake_path(RELATIVE_PATH source BASE_DIRECTORY "${PROJECT_SOURCE_DIR}/test" OUTPUT_VARIABLE path)
    string(REGEX REPLACE "^[^/]+/(.*)\\.cpp$" "\\1" name "${path}")
    string(REPLACE "/" "." name "${prefix}.${name}")
    vmem_add_test(${name} ${program} "--source-file=*/test/${path}")
    # A file whose cases are not found must not pass as "0 failed".
    set_tests_properties(${name} PROPERTIES FAIL_REGULAR_EXPRESSION "test cases: *0 ")
  endforeach()
  # Cases that headers define belong to no source above.
  vmem_add_test(${prefix}.headers ${program} "--source-file-exclude=*.cpp")
endfunction()
