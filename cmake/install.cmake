# SPDX-License-Identifier: BSL-1.0
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# Nothing that is installed depends on the architecture, so all of it goes to share/ and include/.
set(package_directory "${CMAKE_INSTALL_DATADIR}/cmake/vmem")

install(TARGETS vmem EXPORT vmem-targets FILE_SET HEADERS FILE_SET adaptors)
install(
  TARGETS vmem_contract
  EXPORT vmem-contract-targets
  FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/vmem")
install(EXPORT vmem-targets NAMESPACE vmem:: DESTINATION "${package_directory}")
install(EXPORT vmem-contract-targets NAMESPACE vmem:: DESTINATION "${package_directory}")

configure_package_config_file(
  cmake/vmemConfig.cmake.in "${PROJECT_BINARY_DIR}/vmemConfig.cmake"
  INSTALL_DESTINATION "${package_directory}"
  NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(
  "${PROJECT_BINARY_DIR}/vmemConfigVersion.cmake" COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES "${PROJECT_BINARY_DIR}/vmemConfig.cmake" "${PROJECT_BINARY_DIR}/vmemConfigVersion.cmake"
        DESTINATION "${package_directory}")
configure_file(cmake/vmem.pc.in "${PROJECT_BINARY_DIR}/vmem.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/vmem.pc" DESTINATION "${CMAKE_INSTALL_DATADIR}/pkgconfig")
# `source <prefix>/share/vmem/debug/vmem_gdb.py` in GDB.
install(DIRECTORY debug DESTINATION "${CMAKE_INSTALL_DATADIR}/vmem" FILES_MATCHING PATTERN "vmem*")
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")
