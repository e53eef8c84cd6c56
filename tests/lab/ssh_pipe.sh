#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# OpenSSH over `rendr pipe`: a command and its exit status; then at once an interactive session, scp each way and a
# port forward, while the path in use dies. Each has a link of its own, and each link must have seen the deaths.
. "$(dirname "$0")/lib.inc"
need scp curl
. "$here/sshd.inc"
. "$here/links.inc"

seconds=60
[ -z "$short" ] || seconds=14
size=$((seconds * 1024 * 1024))  # scp and curl are held to 8 Mbit/s, the session to its keys

start_links
start_sshd 2222 "${far[@]}"
await_far 2222
start_serve_far ssh=127.0.0.1:2222
descriptors_before[$serve_pid]=$(descriptors "$serve_pid")
mapfile -t paths < <(link_paths)
write_ssh_config "${paths[@]}" "--root='$selector_root'" --insecure
events=$work/pipe_session.log
in_ssh=("${near[@]}" ssh -F "$work/ssh_config")

answer=$("${in_ssh[@]}" lab 'echo hello; exit 7') && status=0 || status=$?
[ "$answer" = hello ] || fail "the command answered \"$answer\""
[ "$status" -eq 7 ] || fail "the exit status of the command was $status, not 7"

head -c "$size" /dev/urandom >"$work/file"
sum=$(sha256sum <"$work/file")
mkdir "$work/www"
ln "$work/file" "$work/www/file"
"${far[@]}" python3 -m http.server --bind 127.0.0.1 --directory "$work/www" 8080 >"$work/http.log" 2>&1 &
pids+=($!)
await_far 8080
"${in_ssh[@]}" -N -L 127.0.0.1:8081:127.0.0.1:8080 forward 2>"$work/ssh_forward.log" &
forward_pid=$!
pids+=("$forward_pid")
await_near 8081

# A line each 50 ms; each comes back upper case, in order. Prints the longest wait for one.
type_lines='import subprocess, sys, time
shell = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
end, n, worst = time.time() + float(sys.argv[1]), 0, 0.0
while time.time() < end:
    sent = time.time()
    print(f"line {n}", file=shell.stdin, flush=True)
    if shell.stdout.readline() != f"LINE {n}\n":
        sys.exit(f"line {n} did not come back")
    worst, n = max(worst, time.time() - sent), n + 1
    time.sleep(0.05)
shell.stdin.close()
assert shell.stdout.read() == "" and shell.wait() == 0
print(f"session: {n} lines and their answers, the longest wait {worst * 1000:.0f} ms")'
(
  jobs_=()
  python3 -c "$type_lines" "$seconds" "${in_ssh[@]}" session \
    'while read -r l; do printf "%s\n" "${l^^}"; done' >"$work/session.out" 2>"$work/session.log" &
  jobs_+=($!)
  "${near[@]}" scp -q -l 8192 -F "$work/ssh_config" "down:$work/file" "$work/down" 2>"$work/scp_down.log" &
  jobs_+=($!)
  "${near[@]}" scp -q -l 8192 -F "$work/ssh_config" "$work/file" "up:$work/up" 2>"$work/scp_up.log" &
  jobs_+=($!)
  "${near[@]}" curl --silent --show-error --fail --limit-rate 1024k --output "$work/got" http://127.0.0.1:8081/file \
    2>"$work/curl.log" &
  jobs_+=($!)
  failed=0
  for job in "${jobs_[@]}"; do wait "$job" || failed=$((failed + 1)); done
  exit $failed
) &
all=$!
pids+=($all)
cut_while $all
wait $all || fail "$? of 4 (session, scp down, scp up, port forward) failed"
for copy in down up got; do
  [ "$(sha256sum <"$work/$copy")" = "$sum" ] || fail "the copy \"$copy\" differs"
done
cat "$work/session.out"
printf 'scp down, scp up and the port forward: %s bytes each, intact\n' "$size"
for link in session down up forward; do
  printf '%s: ' $link
  judge_deaths "$work/pipe_$link.log"
done
report_darkness
# ssh ends its ProxyCommand by SIGHUP: the server is told, and keeps nothing of the five links.
kill "$forward_pid"
wait "$forward_pid" 2>/dev/null || true
judge_descriptors
