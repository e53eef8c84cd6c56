#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The gates on real sockets over emulated links; the figures stay in build/lab/emulated_gates.json. The short form
# makes no claim about time. RENDR_LAB_GATES may hold further options, such as --only=G4,G11 or --congestion=bbr.
. "$(dirname "$0")/lib.inc"
. "$here/../../scripts/lib.sh"
need nft

(build release lab_emulated_gates)
options=("--json=$root/build/lab/emulated_gates.json")
[ -z "$short" ] || options+=(--short)
mkdir -p "$root/build/lab"
# shellcheck disable=SC2086 # words on purpose
"$root/build/release/tests/lab_emulated_gates" "${options[@]}" ${RENDR_LAB_GATES-}
