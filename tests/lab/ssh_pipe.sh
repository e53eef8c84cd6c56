#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# OpenSSH over `rendr pipe`: a command, and a transfer each way while one of three lines dies every second.
. "$(dirname "$0")/lib.inc"
. "$here/sshd.inc"

size=$((100 * 1024 * 1024))
[ -z "$short" ] || size=$((40 * 1024 * 1024))

answer=$(ssh -F "$work/ssh_config" lab 'echo hello; exit 7') && status=0 || status=$?
[ "$answer" = hello ] || fail "the command answered \"$answer\""
[ "$status" -eq 7 ] || fail "the exit status of the command was $status, not 7"

head -c "$size" /dev/urandom >"$work/file"
sum=$(sha256sum "$work/file" | cut -d' ' -f1)
# The reader is slow, so that the transfer lives through several deaths.
slow='import sys, time
while data := sys.stdin.buffer.read(1 << 20):
    sys.stdout.buffer.write(data)
    time.sleep(0.1)'

ssh -F "$work/ssh_config" lab "cat $work/file" 2>"$work/ssh.log" | python3 -c "$slow" >"$work/down" &
transfer=$!
pids+=($transfer)
cut_while $transfer
wait $transfer || fail 'the download failed'
[ "$(sha256sum "$work/down" | cut -d' ' -f1)" = "$sum" ] || fail 'the download differs'

python3 -c "$slow" <"$work/file" | ssh -F "$work/ssh_config" lab "cat >$work/up" 2>>"$work/ssh.log" &
transfer=$!
pids+=($transfer)
cut_while $transfer
wait $transfer || fail 'the upload failed'
[ "$(sha256sum "$work/up" | cut -d' ' -f1)" = "$sum" ] || fail 'the upload differs'

printf '%s bytes each way intact; %s deaths of lines, %s migrations\n' "$size" "$deaths" \
  "$(grep -c 'moved ' "$work/pipe.log" || true)"
[ "$deaths" -ge 5 ] || fail "only $deaths deaths: the fault was not mounted"
