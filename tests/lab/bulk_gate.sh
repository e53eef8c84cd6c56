#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Gate G1 on real sockets: a bulk transfer under each kind of root, undisturbed, with three kills of the path in use
# and with three explicit migrations. The short form makes no claim about the time.
. "$(dirname "$0")/lib.inc"
need awk

gap_limit=350     # ms: 250 in virtual time, 100 more on real sockets
time_limit=1.05   # of the undisturbed run
size=1GiB
[ -z "$short" ] || size=96MiB
missed=0

# milliseconds TEXT: "34.8ms", "216us", "1.02s", "2.5m" as a number of milliseconds.
milliseconds() {
  awk -v text="$1" 'BEGIN {
    factor["ns"] = 1e-6; factor["us"] = 1e-3; factor["ms"] = 1; factor["s"] = 1e3; factor["m"] = 6e4; factor["h"] = 3.6e6
    unit = text; gsub(/[0-9.]/, "", unit)
    if (!(unit in factor)) exit 1
    printf "%.1f", text * factor[unit]
  }' || fail "the demo said a duration of '$1'"
}
# holds EXPRESSION: of numbers.
holds() { awk "BEGIN { exit !($1) }"; }

# transfer ROOT RATE OPTION...: one run; sets took and gap (ms), deaths and moves. The demo itself compares the SHA-256.
transfer() {
  local root=$1 rate=$2 out=$work/run.log
  shift 2
  "$rendr" demo --quiet --size=$size --rate="$rate" --root="$root" "$@" >"$out" 2>&1 ||
    fail "rendr demo --root=$root $* ended with $?"
  grep -q '^sha256  *equal, ' "$out" || fail "no word about the SHA-256 under $root"
  took=$(milliseconds "$(sed -nE 's/^sent .* in ([^ ,]+),.*/\1/p' "$out")")
  gap=$(milliseconds "$(sed -nE 's/^largest gap +([^ ,]+),.*/\1/p' "$out")")
  deaths=$(sed -nE 's/^path .* ([0-9]+) deaths?,.*/\1/p' "$out" | awk '{n += $1} END {print n + 0}')
  moves=$(grep -cE '^  at .*moved .*chosen by command' "$out" || true)
}

# row ROOT FAULT FAULTS: prints the run and judges it; FAULTS of three were mounted.
row() {
  local ratio=- verdict=ok
  [ -z "${base-}" ] || ratio=$(awk "BEGIN { printf \"%.3f\", $took / $base }")
  if [ "$2" != none ]; then
    holds "$3 >= 3" || verdict='FAULT NOT MOUNTED'
    holds "$gap <= $gap_limit" || verdict='GAP'
    [ "$ratio" = - ] || holds "$ratio <= $time_limit" || verdict='TIME'
  fi
  [ "$verdict" = ok ] || missed=$((missed + 1))
  printf '%-34s %-10s %7s %9s %10s %7s  %s\n' "$1" "$2" "$3" "$took" "$gap" "$ratio" "$verdict"
}

# gate ROOT RATE ABSENCE [PATH...]: ABSENCE is how long a killed path refuses connections; the paths to migrate to.
gate() {
  local root=$1 rate=$2 absence=$3
  shift 3
  base=
  if [ -z "$short" ]; then
    transfer "$root" "$rate" --no-cuts
    row "$root" none 0
    base=$took
  fi
  transfer "$root" "$rate" --cut="30%:kill::$absence" --cut="50%:kill::$absence" --cut="70%:kill::$absence"
  row "$root" kills "$deaths"
  [ $# -gt 0 ] || return 0
  transfer "$root" "$rate" --cut="30%:migrate:$1" --cut="50%:migrate:$2" --cut="70%:migrate:$3"
  row "$root" migrations "$moves"
}

printf '%s over three paths; gaps <= %s ms%s\n' "$size" $gap_limit \
  "$([ -n "$short" ] || printf ', time <= %s of the undisturbed run' $time_limit)"
printf '%-34s %-10s %7s %9s %10s %7s\n' root fault faults 'time ms' 'gap ms' ratio
gate 'selector(fiber, lte, wifi)' 400Mbit/s 500ms lte fiber wifi
gate 'race(fiber, lte, wifi)' 400Mbit/s 500ms
# A bond lacks what the dead path would have carried: here it is back at once, and the transfer long against that.
gate 'bond(fiber, lte, wifi)' 120Mbit/s 1ms
gate 'selector(fiber, bond(lte, wifi))' 400Mbit/s 500ms lte fiber wifi
[ $missed -eq 0 ] || fail "$missed runs are out of their bounds"
