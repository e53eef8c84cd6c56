#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# rsync over ssh over `rendr pipe` while one of three relayed lines dies every second: the trees are equal.
. "$(dirname "$0")/lib.inc"
need rsync
. "$here/sshd.inc"

files=40
rate=10m
[ -z "$short" ] || { files=15 rate=2m; }  # slow enough for the deaths that it must live through
ssh_port=$(free_port)
start_sshd "$ssh_port"
await_port "$ssh_port"
start_serve "ssh=127.0.0.1:$ssh_port"
start_lines 3 "$serve_port"
mapfile -t paths < <(line_paths)
write_ssh_config "${paths[@]}"
events=$work/pipe_lab.log

mkdir "$work/source"
for i in $(seq "$files"); do head -c $((1024 * 1024 * 2 + i * 777)) /dev/urandom >"$work/source/$i"; done
rsync --archive --bwlimit=$rate --rsh="ssh -F $work/ssh_config" "$work/source/" "lab:$work/copy/" 2>"$work/rsync.log" &
transfer=$!
pids+=($transfer)
cut_while $transfer
wait $transfer || fail 'rsync failed'
diff -r "$work/source" "$work/copy" || fail 'the trees differ'
printf '%s files equal\n' "$files"
judge_deaths
