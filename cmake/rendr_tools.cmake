# SPDX-License-Identifier: Apache-2.0
# Faster builds where the tools are there; nothing depends on them.
include(CheckLinkerFlag)

find_program(RENDR_CCACHE ccache)
if(RENDR_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${RENDR_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${RENDR_CCACHE})
endif()

find_program(RENDR_MOLD mold)
if(RENDR_MOLD)
  check_linker_flag(CXX -fuse-ld=mold RENDR_LINKER_IS_MOLD)
  if(RENDR_LINKER_IS_MOLD)
    add_link_options(-fuse-ld=mold)
  endif()
endif()
