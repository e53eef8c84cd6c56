# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` puts down, and the Debian packages that CPack makes of it: `rendr` (the program) and
# `librendr-dev` (headers, libraries, CMake package, pkg-config file).
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/rendr)
install(TARGETS rendr rendr_engine EXPORT rendr_targets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev)
install(EXPORT rendr_targets NAMESPACE rendr:: DESTINATION ${package_dir} COMPONENT dev)
install(DIRECTORY include/rendr DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev
        FILES_MATCHING PATTERN "*.hpp" PATTERN "*.h")

configure_package_config_file(cmake/rendr-config.cmake.in ${PROJECT_BINARY_DIR}/rendr-config.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/rendr-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/rendr-config.cmake ${PROJECT_BINARY_DIR}/rendr-config-version.cmake
        DESTINATION ${package_dir} COMPONENT dev)

# A static library needs its own dependencies on the link line, a shared one brings them.
if(BUILD_SHARED_LIBS)
  set(pc_requires_field Requires.private)
  set(pc_libs "-lrendr")
else()
  set(pc_requires_field Requires)
  set(pc_libs "-lrendr -lrendr_engine -pthread")
  if(RENDR_IPSEC_MB) # it has no pkg-config file
    string(APPEND pc_libs " -lIPSec_MB")
  endif()
endif()
file(RELATIVE_PATH pc_to_prefix /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(cmake/rendr.pc.in ${PROJECT_BINARY_DIR}/rendr.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/rendr.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)

if(TARGET rendr_cli)
  install(TARGETS rendr_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT program)
  if(RENDR_SYSTEMD)
    install(FILES dist/systemd/rendr-serve@.service DESTINATION lib/systemd/system COMPONENT program)
  endif()
endif()
install(FILES LICENSE README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT program)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_VENDOR "rendr")
set(CPACK_PACKAGE_CONTACT "The rendr developers <rendr@localhost>")
set(CPACK_COMPONENTS_ALL program dev)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME rendr)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SHLIBDEPS ON)
set(CPACK_COMPONENT_PROGRAM_DESCRIPTION "The program. It carries TCP connections over several network paths at once and moves them between the paths
when one dies, without either end noticing.")
set(CPACK_DEBIAN_DEV_PACKAGE_NAME librendr-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "libasio-dev, libsodium-dev, libgnutls28-dev, libisal-dev, libmnl-dev")
if(RENDR_IPSEC_MB)
  string(APPEND CPACK_DEBIAN_DEV_PACKAGE_DEPENDS ", libipsec-mb-dev")
endif()
set(CPACK_COMPONENT_DEV_DESCRIPTION "The C++ library: headers, libraries, CMake package and pkg-config file.")
include(CPack)
