// layer: cli
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "cli/options.hpp"

namespace rendr::cli {

/// Each runs until its work is done or SIGINT or SIGTERM ends it: the first one in order (the peer
/// is told, open flows get the linger), a second one at once. A signal that was ignored at the
/// start stays ignored.
exit_code run_demo(const demo_options& options, console& to);
exit_code run_serve(const serve_options& options, console& to);
exit_code run_forward(const forward_options& options, console& to);
exit_code run_pipe(const pipe_options& options, console& to);
/// Makes a key file and prints what the peers need.
exit_code run_keygen(const keygen_options& options, console& to);

}  // namespace rendr::cli
