// SPDX-License-Identifier: Apache-2.0
// The one copy of Asio's non-template code (ASIO_SEPARATE_COMPILATION).
#include <asio/impl/src.hpp>
