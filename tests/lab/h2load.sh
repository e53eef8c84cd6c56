#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# HTTP/2 over TLS: h2load and, beside it, downloads by curl that are compared, from nginx, while the path in use dies.
. "$(dirname "$0")/lib.inc"
need nginx h2load curl openssl sha256sum
. "$here/links.inc"
curl --version | grep -q HTTP2 || skip 'this curl has no HTTP/2'

seconds=60
size=$((8 * 1024 * 1024))
[ -z "$short" ] || seconds=12 size=$((3 * 1024 * 1024))

mkdir "$work/www"
head -c 20000 /dev/urandom >"$work/www/small"
head -c "$size" /dev/urandom >"$work/www/file"
sum=$(sha256sum <"$work/www/file")
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=lab -addext subjectAltName=IP:127.0.0.1 \
  -keyout "$work/key.pem" -out "$work/certificate.pem" 2>"$work/openssl.log" || fail 'no certificate could be made'
write_nginx_conf "listen 127.0.0.1:8443 ssl http2;
    ssl_certificate $work/certificate.pem;
    ssl_certificate_key $work/key.pem;
    keepalive_requests 1000000;"
start_links
PATH=$PATH:/usr/sbin "${far[@]}" nginx -c "$work/nginx.conf" 2>>"$work/nginx.log" &
pids+=($!)
await_far 8443
start_serve_far web=127.0.0.1:8443
start_forward_near 8444 web "$selector_root"
note_descriptors "$forward_pid" "$serve_pid"

url=https://127.0.0.1:8444
(
  "${near[@]}" h2load -D "$seconds" -c 10 -m 10 "$url/small" >"$work/h2load.out" 2>"$work/h2load.log" &
  load=$!
  intact=0
  while alive_among $load; do
    got=$("${near[@]}" curl --silent --show-error --fail --http2 --cacert "$work/certificate.pem" "$url/file" \
      2>>"$work/curl.log" | sha256sum)
    [ "$got" = "$sum" ] || exit 3
    intact=$((intact + 1))
  done
  printf '%s downloads of %s bytes by curl intact\n' $intact "$size" >"$work/done"
  wait $load
) &
all=$!
pids+=($all)
cut_while $all
wait $all || fail "a client failed ($?: 3 is a download that differs)"
cat "$work/done"
grep -E '^(finished|requests|status codes|traffic)' "$work/h2load.out"
read -r done_ failed errored < <(sed -nE \
  's/^requests: .* ([0-9]+) done, .* ([0-9]+) failed, ([0-9]+) errored.*/\1 \2 \3/p' "$work/h2load.out")
[ "$done_" -gt 0 ] && [ "$failed" -eq 0 ] && [ "$errored" -eq 0 ] ||
  fail "$done_ requests were done, $failed failed, $errored with errors"
judge_deaths
report_darkness
judge_descriptors
