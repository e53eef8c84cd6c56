// layer: runtime
// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Everything of rendr's C++ interface.
#include "rendr/carrier.hpp"
#include "rendr/credentials.hpp"
#include "rendr/defaults.hpp"
#include "rendr/error.hpp"
#include "rendr/events.hpp"
#include "rendr/graph.hpp"
#include "rendr/incoming.hpp"
#include "rendr/link.hpp"
#include "rendr/listener.hpp"
#include "rendr/packet_flow.hpp"
#include "rendr/path_form.hpp"
#include "rendr/path_spec.hpp"
#include "rendr/runtime.hpp"
#include "rendr/status.hpp"
#include "rendr/stream.hpp"
#include "rendr/time.hpp"
#include "rendr/transport.hpp"
#include "rendr/types.hpp"
