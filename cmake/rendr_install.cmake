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

find_program(RENDR_GZIP gzip)
set(packaged rendr rendr_engine)
if(TARGET rendr_cli)
  list(APPEND packaged rendr_cli)
  install(TARGETS rendr_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT program)
  if(RENDR_SYSTEMD)
    install(FILES dist/systemd/rendr-serve@.service DESTINATION lib/systemd/system COMPONENT program)
  endif()
  # The man page is what the program says of itself; a program for another machine cannot be asked.
  if(RENDR_GZIP AND NOT CMAKE_CROSSCOMPILING)
    add_custom_command(OUTPUT rendr.1.gz DEPENDS rendr_cli ${PROJECT_SOURCE_DIR}/scripts/manpage VERBATIM
      COMMAND ${PROJECT_SOURCE_DIR}/scripts/manpage $<TARGET_FILE:rendr_cli> > rendr.1
      COMMAND ${RENDR_GZIP} -9nf rendr.1 COMMENT "Writing the man page")
    add_custom_target(rendr_man ALL DEPENDS rendr.1.gz)
    list(APPEND packaged rendr_man)
    install(FILES ${PROJECT_BINARY_DIR}/rendr.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT program)
  endif()
endif()

# The guides refer to each other, and the README to them, by their places in this tree.
file(GLOB guides CONFIGURE_DEPENDS docs/*.md)
set(program_docs ${CMAKE_INSTALL_DATADIR}/doc/rendr)
set(dev_docs ${CMAKE_INSTALL_DATADIR}/doc/librendr-dev)
install(FILES README.md LICENSE SECURITY.md DESTINATION ${program_docs} COMPONENT program)
install(FILES ${guides} DESTINATION ${program_docs}/docs COMPONENT program)
install(DIRECTORY docs/plots DESTINATION ${program_docs}/docs COMPONENT program)
install(DIRECTORY examples DESTINATION ${dev_docs} COMPONENT dev)
foreach(part IN ITEMS program dev)
  install(FILES dist/debian/copyright DESTINATION ${${part}_docs} COMPONENT ${part})
endforeach()
if(RENDR_GZIP)
  add_custom_command(OUTPUT changelog.gz DEPENDS ${PROJECT_SOURCE_DIR}/CHANGELOG.md VERBATIM
    COMMAND ${RENDR_GZIP} -9nc ${PROJECT_SOURCE_DIR}/CHANGELOG.md > changelog.gz)
  add_custom_target(rendr_changelog ALL DEPENDS changelog.gz)
  list(APPEND packaged rendr_changelog)
  foreach(part IN ITEMS program dev)
    install(FILES ${PROJECT_BINARY_DIR}/changelog.gz DESTINATION ${${part}_docs} COMPONENT ${part})
  endforeach()
endif()
# CPack strips programs; of static libraries, what debuggers want goes as well.
install(CODE [[
  if(CMAKE_INSTALL_DO_STRIP)
    file(GLOB libraries $ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/lib*/librendr*.a
         $ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/lib*/*/librendr*.a)
    foreach(library IN LISTS libraries)
      execute_process(COMMAND strip --strip-debug ${library} COMMAND_ERROR_IS_FATAL ANY)
    endforeach()
  endif()
]] COMPONENT dev)
# What goes into the packages, and nothing else.
add_custom_target(rendr_package)
add_dependencies(rendr_package ${packaged})

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
set(CPACK_COMPONENT_PROGRAM_DESCRIPTION "The program. It carries TCP connections over several network paths
at once and moves them between the paths when one dies, without either
end noticing.")
set(CPACK_DEBIAN_DEV_PACKAGE_NAME librendr-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "libasio-dev, libsodium-dev, libgnutls28-dev, libisal-dev, libmnl-dev")
set(CPACK_DEBIAN_DEV_PACKAGE_RECOMMENDS "pkg-config")
if(RENDR_IPSEC_MB)
  string(APPEND CPACK_DEBIAN_DEV_PACKAGE_DEPENDS ", libipsec-mb-dev")
endif()
set(CPACK_COMPONENT_DEV_DESCRIPTION "The C++ library: headers, libraries, CMake package and pkg-config file.")
include(CPack)
