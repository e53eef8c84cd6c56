#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The soak of five minutes (RENDR_SOAK may hold other options); the figures stay in build/lab/soak.json.
. "$(dirname "$0")/lib.inc"
. "$here/../../scripts/lib.sh"
need ss

options=${RENDR_SOAK-}
[ -n "$options" ] || options=$([ -n "$short" ] && echo "--seconds=40 --seed=3" || echo "--seconds=300 --seed=1")
[ -n "${RENDR_SOAK-}" ] || (build release lab_soak)
mkdir -p "$root/build/lab"
# shellcheck disable=SC2086 # words on purpose
"$RENDR_LAB_TOOLS/lab_soak" --rendr="$rendr" --work="$work" --json="$root/build/lab/soak.json" $options &
pids+=($!)
wait $! || status=$?
[ "${status:-0}" -ne 77 ] || skip 'network namespaces cannot be made here'
exit "${status:-0}"
