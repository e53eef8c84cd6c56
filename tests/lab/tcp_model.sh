#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The simulated TCP beside the kernel's, cell by cell; the figures stay in build/lab/tcp_model.json.
. "$(dirname "$0")/lib.inc"
. "$here/../../scripts/lib.sh"

(build release lab_tcp_model_check)
options=("--json=$root/build/lab/tcp_model.json")
[ -z "$short" ] || options+=(--short --seconds=15 --runs=2)
mkdir -p "$root/build/lab"
"$root/build/release/tests/lab_tcp_model_check" "${options[@]}"
