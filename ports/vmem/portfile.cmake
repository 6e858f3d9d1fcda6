# SPDX-License-Identifier: BSL-1.0
# An overlay port: it installs the tree that it lies in.
#
#     vcpkg install vmem --overlay-ports=<vmem>/ports

get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)

set(VCPKG_BUILD_TYPE release) # There are only headers.

vcpkg_cmake_configure(
    SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS
        -DVMEM_INSTALL=ON
        -DVMEM_BUILD_TESTS=OFF
        -DVMEM_BUILD_EXAMPLES=OFF
        -DVMEM_BUILD_BENCH=OFF
        -DVMEM_REQUIRE_BOOST=OFF
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH share/cmake/vmem)
vcpkg_fixup_pkgconfig()

file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/share/doc")
file(INSTALL "${CURRENT_PORT_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
