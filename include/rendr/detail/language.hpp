// layer: base
// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The first line that a compiler in an older mode prints, instead of pages about `std::span`.
#if __cplusplus < 202002L
#error rendr needs C++20: compile with -std=c++20
#endif
