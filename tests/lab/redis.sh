#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# redis-benchmark through a race of two links and a third beside it, while paths die; and a value written and read
# again meanwhile, equal byte by byte.
. "$(dirname "$0")/lib.inc"
need redis-server redis-benchmark redis-cli sha256sum
. "$here/links.inc"

seconds=60
value=$((16 * 1024 * 1024))
[ -z "$short" ] || { seconds=12 value=$((4 * 1024 * 1024)); }

start_links
"${far[@]}" redis-server --bind 127.0.0.1 --port 6379 --save '' --appendonly no --dir "$work" >"$work/redis.log" 2>&1 &
pids+=($!)
await_far 6379
start_serve_far redis=127.0.0.1:6379
start_forward_near 6380 redis 'best: selector(race(line0, line1), line2)'
note_descriptors "$forward_pid" "$serve_pid"

head -c "$value" /dev/urandom >"$work/value"
sum=$(sha256sum <"$work/value")
client() { "${near[@]}" redis-cli -h 127.0.0.1 -p 6380 "$@"; }
(
  end=$((SECONDS + seconds))
  rounds=0 values=0
  while [ $SECONDS -lt $end ]; do
    "${near[@]}" redis-benchmark -h 127.0.0.1 -p 6380 -c 50 -n 4000 -d 2000 -t set,get,incr --csv >>"$work/benchmark.out" \
      2>>"$work/benchmark.log" || exit 1
    rounds=$((rounds + 1))
    [ "$(client -x set value <"$work/value" 2>>"$work/redis_cli.log")" = OK ] || exit 2
    # redis-cli ends the value with a line feed.
    [ "$(client get value 2>>"$work/redis_cli.log" | head -c "$value" | sha256sum)" = "$sum" ] || exit 3
    values=$((values + 1))
  done
  printf '%s rounds of the benchmark, %s values of %s bytes equal\n' "$rounds" "$values" "$value" >"$work/done"
) &
all=$!
pids+=($all)
cut_while $all
wait $all || fail "a client failed ($?: 1 the benchmark, 2 writing, 3 reading)"
[ ! -s "$work/benchmark.log" ] || fail "the benchmark complained: $(head -n 1 "$work/benchmark.log")"
cat "$work/done"
tail -n 3 "$work/benchmark.out"
judge_deaths
report_darkness
judge_descriptors
