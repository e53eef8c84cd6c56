#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Plain TCP, MPTCP and rendr side by side over the same emulated links; the figures stay in build/lab/peers.json.
# RENDR_LAB_PEERS may hold further options, such as --only=drop-1k or --congestion=bbr.
. "$(dirname "$0")/lib.inc"
. "$here/../../scripts/lib.sh"
need ip nft
ip mptcp limits show >/dev/null 2>&1 || skip 'this kernel or iproute2 has no MPTCP'

(build release lab_peers)
options=("--json=$root/build/lab/peers.json")
[ -z "$short" ] || options+=(--short)
mkdir -p "$root/build/lab"
# shellcheck disable=SC2086 # words on purpose
"$root/build/release/tests/lab_peers" "${options[@]}" ${RENDR_LAB_PEERS-}
