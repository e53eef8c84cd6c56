#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# 200 concurrent downloads from nginx through rendr while one of three lines dies every second: all intact.
. "$(dirname "$0")/lib.inc"
need nginx curl python3 sha256sum

count=200
size=$((4 * 1024 * 1024))
rate=512k
[ -z "$short" ] || { count=50 size=$((7 * 1024 * 1024)); }

mkdir "$work/www" "$work/got"
head -c "$size" /dev/urandom >"$work/www/file"
sum=$(sha256sum "$work/www/file" | cut -d' ' -f1)
web_port=$(free_port)
write_nginx_conf "listen 127.0.0.1:$web_port backlog=1024;"
PATH=$PATH:/usr/sbin nginx -c "$work/nginx.conf" 2>>"$work/nginx.log" &
pids+=($!)
await_port "$web_port"

start_serve "web=127.0.0.1:$web_port"
start_lines 3 "$serve_port"
listen_port=$(free_port)
mapfile -t paths < <(line_paths)
"$rendr" forward --listen="127.0.0.1:$listen_port" --to=web "${paths[@]}" --log-level=debug 2>"$work/forward.log" &
forward_pid=$!
pids+=("$forward_pid")
await_port "$listen_port"
note_descriptors "$forward_pid" "$serve_pid"

# One process for all downloads; each is slow enough to live through several deaths.
(
  set +e
  downloads=()
  for i in $(seq "$count"); do
    curl --silent --show-error --fail --limit-rate "$rate" --output "$work/got/$i" \
      "http://127.0.0.1:$listen_port/file" 2>>"$work/curl.log" &
    downloads+=($!)
  done
  failed=0
  for pid in "${downloads[@]}"; do wait "$pid" || failed=$((failed + 1)); done
  echo "$failed" >"$work/curl.failed"
) &
all=$!
pids+=($all)
start=$(date +%s.%N)
cut_while $all
seconds=$(python3 -c "import time; print(f'{time.time() - $start:.1f}')")

failed=$(cat "$work/curl.failed")
intact=0
for i in $(seq "$count"); do
  if [ -f "$work/got/$i" ] && [ "$(sha256sum "$work/got/$i" | cut -d' ' -f1)" = "$sum" ]; then
    intact=$((intact + 1))
  fi
done
printf '%s downloads of %s bytes in %s s: %s intact, %s failed\n' "$count" "$size" "$seconds" "$intact" "$failed"
judge_deaths
[ "$failed" -eq 0 ] || fail "$failed downloads failed"
[ "$intact" -eq "$count" ] || fail "only $intact of $count downloads are intact"
judge_descriptors
