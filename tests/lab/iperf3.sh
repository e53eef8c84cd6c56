#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# iperf3 over a bond of three links, four streams, to the server and back, while paths die: no stream ends early or
# fails. (iperf3 compares no data: the other scripts do.)
. "$(dirname "$0")/lib.inc"
need iperf3 python3
. "$here/links.inc"

seconds=40
[ -z "$short" ] || seconds=10

start_links
"${far[@]}" iperf3 -s -B 127.0.0.1 -p 5201 >"$work/iperf_server.log" 2>&1 &
pids+=($!)
await_far 5201
start_serve_far iperf=127.0.0.1:5201
start_forward_near 5202 iperf 'best: bond(line0, line1, line2)'
note_descriptors "$forward_pid" "$serve_pid"

all_deaths=0 all_silent=0
for way in forward reverse; do
  options=()
  [ $way = forward ] || options=(-R)
  before=$(deaths_told) silent_before=$(silent_told)
  "${near[@]}" iperf3 -c 127.0.0.1 -p 5202 -P 4 -t "$seconds" -J "${options[@]}" >"$work/$way.json" 2>"$work/iperf_$way.log" &
  run=$!
  pids+=($run)
  cut_while $run
  wait $run || fail "iperf3 $way failed: $(python3 -c 'import json, sys; print(json.load(sys.stdin).get("error"))' <"$work/$way.json")"
  all_deaths=$(($(deaths_told) - before)) all_silent=$(($(silent_told) - silent_before))
  python3 - "$way" "$work/$way.json" "$seconds" <<'SCRIPT' || fail "iperf3 $way ended early or a stream carried nothing"
import json, sys
way, name, seconds = sys.argv[1:]
end = json.load(open(name))["end"]
got, sent = end["sum_received"], end["sum_sent"]
streams = [s["receiver"]["bytes"] for s in end["streams"]]
print(f'{way}: {len(streams)} streams, {got["bytes"] / 1e6:.0f} MB received in {got["seconds"]:.1f} s, '
      f'{got["bits_per_second"] / 1e6:.0f} Mbit/s; the least stream {min(streams) / 1e6:.1f} MB')
sys.exit(not (len(streams) == 4 and min(streams) > 0 and sent["seconds"] >= float(seconds) - 0.5))
SCRIPT
  printf '%s: %s deaths, %s silent\n' $way "$all_deaths" "$all_silent"
  [ "$all_deaths" -ge 5 ] && [ "$all_silent" -ge 1 ] || fail "only $all_deaths deaths, $all_silent silent: the fault was not mounted"
done
report_darkness
judge_descriptors
