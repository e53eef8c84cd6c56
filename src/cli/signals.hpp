// layer: cli
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <asio/signal_set.hpp>
#include <initializer_list>

namespace rendr::cli {

/// Whether the process ignores this signal now.
bool ignored(int signal) noexcept;

/// Adds those signals that are not ignored. Whoever started the program with an ignored signal
/// (`nohup`, `trap '' INT`, `&` in a script, the ssh of an sftp) wants it to outlive that signal.
void heed(asio::signal_set& set, std::initializer_list<int> signals);

}  // namespace rendr::cli
