#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The unit of `rendr serve` says what the program takes: its commands, and those of the drop-ins in docs/operations.md,
# run here with the options and credentials that systemd would give them. systemd itself reads the unit and judges its
# sandbox, and no system call of a running server is one that the sandbox refuses.
. "$(dirname "$0")/lib.inc"
need python3 systemd-analyze strace
strace -qq -o /dev/null true || skip 'no program may be traced here'
root=$(cd "$here/../.." && pwd)
unit=$root/dist/systemd/rendr-serve@.service
exposure=12  # tenths of systemd's score, which it may not pass

# Where the unit looks for things, here: a credential as newer systemd leaves it, with the mask of an ACL in its mode.
mkdir -p "$work/units" "$work/credentials"
"$rendr" keygen --quiet --psk "$work/credentials/psk" 2>/dev/null
"$rendr" keygen --quiet "$work/credentials/key" >"$work/credentials/clients"
chmod 440 "$work"/credentials/*
echo_port=$(free_port)

# run_command EXEC_START NAME: what it says with its variables and specifiers filled in serves until it is ended.
run_command() {
  local command=${1#ExecStart=rendr } log=$work/$2.log port i
  port=$(free_port)
  command=${command//%S/$work/state}
  command=${command//%i/home}
  command=${command//\$\{CREDENTIALS_DIRECTORY\}/$work/credentials}
  command=${command//\$OPTIONS/--listen=tcp://127.0.0.1:$port --to=echo=127.0.0.1:$echo_port --log-level=debug}
  [[ $command != *[%\$]* ]] || fail "$2: nothing is known of a variable in: $command"
  # shellcheck disable=SC2086 # words on purpose, as systemd splits them
  CREDENTIALS_DIRECTORY=$work/credentials strace -f -qq -o "$work/$2.strace" "$rendr" $command 2>"$log" &
  pids+=($!)
  await_port "$port"
  if [[ $command == *--psk-file* ]]; then
    printf '%s\n' hello | "$rendr" pipe --to=echo --psk-file="$psk" --path="tcp://127.0.0.1:$port" \
      --path="tcp://127.0.0.1:$port" >"$work/answer" 2>"$work/pipe.log" || fail "$2: nothing came through"
    [ "$(cat "$work/answer")" = hello ] || fail "$2: something else came through"
  fi
  kill -TERM "$(pgrep -P $!)"
  wait $! || fail "$2 ended with $?"
  grep -q 'serving on' "$log" || fail "$2 did not serve"
  printf '%s: serves, and ends in order\n' "$2"
}

psk=$work/shared.psk
cp "$work/credentials/psk" "$psk"
chmod 600 "$psk"
python3 - "$echo_port" <<'END' &
import socketserver, sys
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)
class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
Server(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
END
pids+=($!)
await_port "$echo_port"
number=0
while read -r line; do
  number=$((number + 1))
  run_command "$line" "command$number"
done < <(sed -n 's/^ *\(ExecStart=rendr .*\)/\1/p' "$unit" "$root/docs/operations.md")
[ $number -ge 2 ] || fail "only $number commands: the unit has one, docs/operations.md another"

sed "s|^ExecStart=rendr|ExecStart=$rendr|" "$unit" >"$work/units/${unit##*/}"
systemd-analyze verify --man=no "$work/units/rendr-serve@home.service" >"$work/verify.log" 2>&1 ||
  fail "systemd does not take the unit: $(head -n 1 "$work/verify.log")"
[ ! -s "$work/verify.log" ] || fail "systemd wonders: $(head -n 1 "$work/verify.log")"
systemd-analyze security --offline=true --threshold=$exposure --no-pager "$work/units/rendr-serve@home.service" \
  >"$work/security.log" 2>&1 || fail "the sandbox is wider: $(tail -n 1 "$work/security.log")"
tail -n 1 "$work/security.log"
python3 "$here/systemd_calls.py" "$unit" "$work"/command*.strace || fail 'the sandbox refuses what the program does'
