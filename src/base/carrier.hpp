// layer: base
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rendr/carrier.hpp"
