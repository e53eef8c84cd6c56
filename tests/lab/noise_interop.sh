#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A peer written in Python from docs/wire.md and docs/security.md, on an implementation of Noise that is not rendr's,
# talks to `rendr serve` in each pattern and with both ciphers, over two paths, attacks it, and takes its proof that it
# forgot a link.
. "$(dirname "$0")/lib.inc"
need python3

# The package is in Python's registry alone: once into a folder of the build, then it is there.
venv=$(cd "$here/../.." && pwd)/build/lab/noise_venv
can_run() { "$venv/bin/python" -c 'import noise.connection' >"$work/import.log" 2>&1; }
if ! can_run; then
  rm -rf "$venv"
  python3 -m venv --without-pip "$venv" || fail 'python3 makes no virtual environment'
  timeout 60 python3 -m pip --python "$venv/bin/python" install --quiet --disable-pip-version-check --no-input \
    --retries 1 --timeout 5 --only-binary=:all: noiseprotocol==0.3.1 >"$work/pip.log" 2>&1 ||
    skip "the Python package noiseprotocol cannot be installed: $(tail -n 1 "$work/pip.log")"
  can_run || fail "what was installed does not run: $(tail -n 1 "$work/import.log")"
fi

peer() { PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python" "$here/$1" "${@:2}"; }
peer noise_vectors.py || fail 'docs/security.md shows other numbers than its text means'

cd "$work"
"$rendr" keygen --quiet --psk shared.psk >/dev/null
"$rendr" keygen --quiet server.key >server.pub
"$rendr" keygen --quiet client.key >clients
"$rendr" keygen --quiet stranger.key >/dev/null

echo_port=$(free_port)
ports=()
# serve NAME OPTION...: a server with the target "echo"; its port is added to `ports`.
serve() {
  local name=$1 port
  shift
  port=$(free_port)
  "$rendr" serve --listen="tcp://127.0.0.1:$port" --to="echo=127.0.0.1:$echo_port" --state-dir="$work/state" \
    --log-level=debug "$@" 2>"$work/$name.log" &
  pids+=($!)
  ports+=("$port")
}
serve open
serve psk --psk-file=shared.psk
serve known --key-file=server.key
serve pinned --key-file=server.key --allow-keys=clients --psk-file=shared.psk
for port in "${ports[@]}"; do await_port "$port"; done

status=0
peer noise_interop.py "$work" "${ports[@]}" "$echo_port" >"$work/peer" || status=$?
cat "$work/peer"
[ $status -eq 0 ] || fail 'the peer and rendr do not agree'
peer noise_reset.py "$rendr" "$work" || fail 'a server that was started again does not prove that it forgot its links'
if grep -qw aes /proc/cpuinfo && grep -qw pclmulqdq /proc/cpuinfo; then
  grep -qx 'ciphers: AES-128-GCM, ChaCha20-Poly1305' "$work/peer" || fail 'this machine has AES, and it was not agreed on'
fi
