#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A server that was killed proves to the peer of noise_peer.py that it forgot the link, if it kept its reset key.

Usage: noise_reset.py RENDR FOLDER
FOLDER has shared.psk of `rendr keygen`; the servers' state directories and logs go there.
"""
import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import noise_keys
from noise_keys import Keys
from noise_peer import Link
from noise_wire import ATTACH, ZERO16, Broken, Carrier, Refused, text

REFUSED = 6


def require(condition, what):
    if not condition:
        raise Broken(what)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def answers(address):
    with contextlib.suppress(OSError), socket.create_connection(address, timeout=1):
        return True
    return False


@contextlib.contextmanager
def server(rendr, folder, address, state):
    """It is killed at the end, so that it says nothing to anybody. Gives its reset key and its id."""
    command = [rendr, "serve", f"--listen=tcp://{address[0]}:{address[1]}", "--to=nothing=127.0.0.1:9",
               f"--psk-file={folder}/shared.psk", f"--state-dir={folder}/{state}"]
    with open(folder / f"{state}.log", "ab") as log, subprocess.Popen(command, stderr=log) as process:
        try:
            until = time.monotonic() + 10
            while not answers(address):
                require(process.poll() is None and time.monotonic() < until, f"{state}: it does not serve")
                time.sleep(0.05)
            yield (folder / state / "reset.key").read_bytes(), (folder / state / "server.id").read_bytes()
        finally:
            process.kill()


def refusal(attach, what):
    """The reset token in the answer to an attach."""
    try:
        attach()
    except Refused as refused:
        require(refused.code == REFUSED, f"{what}: {refused}")
        return refused.reset_token
    raise Broken(f"{what}: it was taken")


def show(address, token):
    """An attach behind this routing token, which proves nothing."""
    carrier = Carrier(address, ATTACH, token)
    carrier.send_handshake(b"\3\0\1\1\1" + bytes(16 + 32) + ZERO16)
    carrier.handshake()


def make_link(address, psk, server_keys):
    """A link with unused tokens in hand; each reset token is made of the routing token that it came with."""
    link = Link(address, "NNpsk0", Keys(psk))
    link.hello()
    link.attach()
    link.run(lambda: len(link.unused) >= 3)
    for number, (routing, reset) in link.handed.items():
        require(reset == noise_keys.reset_token(*server_keys, routing), f"the reset token {number} is another one")
    known = refusal(lambda: link.attach(path=0), "a path that was used")
    require(known == bytes(32), "a server that knows the link gave the reset token of an attach away")
    for path in link.paths:
        path.close()
    return link


def ask(address, psk, token):
    """Whether the server proves its key, and that nobody with its reset key handed this routing token out."""
    noise = noise_keys.start_noise(1, noise_keys.ask_prologue(token, 1), Keys(psk))
    carrier = Carrier(address, ATTACH, token)
    carrier.send_handshake(b"\7\1" + text(bytes(noise.write_message())))
    try:
        kind, reader = carrier.handshake()
    except Refused as refused:
        require(refused.reset_token == bytes(32), "a server proved what another one issued")
        return False
    require(kind == 8, f"{kind} instead of an answer")
    return bytes(noise.read_message(reader.text())) == b""


def forgotten(link):
    """Each attach is answered with the reset token that came with its routing token; the last one again as well."""
    tries = len(link.unused) + 1
    for _ in range(tries):
        said = refusal(link.attach, "an attach to a server that forgot the link")
        require(said == link.shown[1], "the answer is not the reset token that came with this routing token")
    require(not link.unused, "tokens are left")
    return tries


def main():
    rendr, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    psk = bytes.fromhex((folder / "shared.psk").read_text().split("rendr-psk:")[1].split()[0])
    address = "127.0.0.1", free_port()
    with server(rendr, folder, address, "kept") as server_keys:
        link, other = (make_link(address, psk, server_keys) for _ in range(2))
        beside = "127.0.0.1", free_port()
        with server(rendr, folder, beside, "kept"):
            token = other.shown[0] if other.shown else other.handed[0][0]
            said = refusal(lambda: show(beside, token), "a token of the other server of this folder")
            require(said == bytes(32) and not ask(beside, psk, token), "it answers for the other server of its folder")
    with server(rendr, folder, address, "lost"):
        said = refusal(link.attach, "an attach to a server with another reset key")
        require(said not in (reset for _, reset in link.handed.values()), "another server knows the reset token")
        require(ask(address, psk, link.shown[0]), "a server with another reset key does not prove its own key")
        show_again = link.shown
    with server(rendr, folder, address, "kept"):
        tries = forgotten(link) + forgotten(other)
        said = refusal(lambda: show(address, show_again[0]), "a routing token that another server saw")
        require(said == show_again[1], "the reset token of a routing token changed")
        resets = [reset for each in (link, other) for _, reset in each.handed.values()]
        require(len(set(resets)) == len(resets), "two routing tokens have one reset token")
        said = refusal(lambda: show(address, os.urandom(16)), "a routing token that nobody handed out")
        require(said not in resets, "a routing token that nobody handed out brought a reset token that somebody has")
    print(f"  killed and started again: {tries} attaches, each answered with the reset token of its routing token; "
          "with another reset key: none")


main()
