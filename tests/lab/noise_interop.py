#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A peer that shares no code with rendr talks to `rendr serve`, and attacks it.

Usage: noise_interop.py FOLDER OPEN_PORT PSK_PORT KNOWN_PORT PINNED_PORT ECHO_PORT
FOLDER has the key files of `rendr keygen`: shared.psk, server.pub, client.key and stranger.key. The servers take:
anybody; the holders of shared.psk; those who know server.pub; those who know it and hold shared.psk and client.key.
Each has the target "echo", which is here.
"""
import contextlib
import os
import pathlib
import socketserver
import sys
import threading

from cryptography.exceptions import InvalidTag

from noise_keys import AES_128_GCM, CHECKSUM, Keys
from noise_peer import Flow, Link
from noise_wire import ATTACH, ZERO16, Broken, Carrier, Refused

REFUSED, AUTH_FAILED = 6, 8
X25519_BASE = bytes([9]) + bytes(31)  # a public key that nobody here has
HALF = 40_000  # bytes: more than the first credit


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(1 << 16):
            self.request.sendall(data)


class EchoServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


class Laboratory:
    """The servers by name, and what a client of each needs: a pattern and keys."""

    def __init__(self, folder, *ports):
        self.psk, self.client, self.stranger, self.server = (
            self.key(folder / name) for name in ("shared.psk", "client.key", "stranger.key", "server.pub"))
        self.ports = dict(zip(("open", "psk", "known", "pinned"), ports))
        self.clients = {"open": ("NN", Keys()), "psk": ("NNpsk0", Keys(self.psk)),
                        "known": ("IKpsk2", Keys(None, os.urandom(32), self.server)),
                        "pinned": ("IKpsk2", Keys(self.psk, self.client, self.server))}

    @staticmethod
    def key(path):
        line = next(line for line in path.read_text().splitlines() if line.startswith("rendr-"))
        return bytes.fromhex(line.split(":")[1])

    def link(self, server, features=0, pattern=None, keys=None):
        usual, held = self.clients[server]
        return Link(("127.0.0.1", self.ports[server]), pattern or usual, keys or held, features)


def require(condition, what):
    if not condition:
        raise Broken(what)


@contextlib.contextmanager
def refused(what, code=AUTH_FAILED):
    """What is inside is refused with this code."""
    try:
        yield
    except Refused as refusal:
        require(refusal.code == code, f"{what}: {refusal}")
        print(f"  {what}: refused: {refusal.reason}")
    else:
        raise Broken(f"{what}: it was taken")


def echoed(flow, sent):
    flow.link.run(lambda: len(flow.data) >= len(sent))
    require(bytes(flow.data) == sent, "what came back is not what was sent")


def conversation(lab, server, features):
    """One flow over two paths, the first of which dies in the middle."""
    link = lab.link(server, features)
    first = link.hello()
    flow, halves = Flow(link, b"echo"), [os.urandom(HALF), os.urandom(HALF)]
    flow.send(first, halves[0])
    echoed(flow, halves[0])
    require(flow.accepted, "no ACCEPT")
    second = link.attach()
    flow.send(second, halves[1])
    first.close()
    flow.send_again(second)
    flow.finish(second)
    link.run(lambda: flow.finished is not None)
    echoed(flow, b"".join(halves))
    require(flow.finished == 2 * HALF, f"a final size of {flow.finished}")
    require(len(second.received) > 0, "nothing came by the second path")
    link.leave()
    cipher = "AES-128-GCM" if link.features & AES_128_GCM else "ChaCha20-Poly1305"
    require(features or cipher != "AES-128-GCM", "AES-128-GCM, which was not offered")
    pattern = lab.clients[server][0]
    print(f"  {pattern} with the server \"{server}\", {cipher}: {2 * HALF} bytes there and back over two paths")
    return cipher


def wrong_keys(lab):
    other = bytes([lab.psk[0] ^ 1]) + lab.psk[1:]
    with refused("NNpsk0 with another pre-shared key"):
        lab.link("psk", keys=Keys(other)).hello()
    with refused("NN where a pre-shared key is demanded"):
        lab.link("psk", pattern="NN").hello()
    with refused("IKpsk2 with another key than that of the server"):
        lab.link("known", keys=Keys(None, lab.client, X25519_BASE)).hello()
    with refused("IKpsk2 with a key that is not allowed"):
        lab.link("pinned", keys=Keys(lab.psk, lab.stranger, lab.server)).hello()
    with refused("NNpsk0 where an allowed key is demanded"):
        lab.link("pinned", pattern="NNpsk0").hello()
    try:
        lab.link("pinned", keys=Keys(other, lab.client, lab.server)).hello()
    except InvalidTag:
        print("  IKpsk2 with another pre-shared key: the answer does not open")
    else:
        raise Broken("IKpsk2 with another pre-shared key: the answer opened")


def changed_on_the_way(lab):
    carrier = lab.link("psk").hello(guard_said=CHECKSUM)
    require(carrier.closed_by_peer() and not carrier.unread, "a HELLO with another guard made a path")
    print("  the guard of a HELLO changed on the way: no path")
    link = lab.link("psk")
    first = link.hello()
    flow, sent = Flow(link, b"echo"), os.urandom(1000)
    flow.send(first, sent)
    echoed(flow, sent)
    with refused("the guard of an ATTACH changed on the way"):
        link.attach(guard_said=CHECKSUM)
    with refused("the proof of an ATTACH changed on the way"):
        link.attach(spoil="attach")
    with refused("an ATTACH of a path that was used", code=REFUSED):
        link.attach(path=0)
    carrier = link.attach(spoil="attach_ack")
    require(carrier.closed_by_peer() and not carrier.unread, "an ATTACH_ACK with another proof made a path")
    carrier.close()
    flow.send(first, sent)
    flow.finish(first)
    link.run(lambda: flow.finished is not None)
    echoed(flow, sent + sent)
    print("  an ATTACH_ACK with another proof: no path; the link lives on")
    link.leave()


def played_again(lab):
    """What was heard on the way is said once more: the same answer or a refusal, and no path."""
    link = lab.link("pinned", AES_128_GCM)
    first = link.hello()
    unfinished = link.attach(spoil="attach_ack")
    for path, answer in (first, first.answered[0]), (unfinished, None):
        again = Carrier(link.address, path.form, path.token)
        again.send_handshake(path.said[0])
        again.handshake()
        require(answer is None or again.answered == [answer], "a HELLO that was heard before got another answer")
        require(answer or again.answered != path.answered, "the same challenge twice")
        again.send_handshake(path.said[1])
        require(again.closed_by_peer() and not again.unread, "a handshake that was heard before made a path")
        again.close()
    second = link.attach()
    with refused("an ATTACH played again", code=REFUSED):
        again = Carrier(link.address, ATTACH, second.token)
        again.send_handshake(second.said[0])
        again.handshake()
    flow, sent = Flow(link, b"echo"), os.urandom(1000)
    flow.send(first, sent)
    flow.finish(second)
    link.run(lambda: flow.finished is not None)
    echoed(flow, sent)
    link.leave()
    print("  HELLO, ATTACH and ATTACH_ACK played again: no path; the link lives on")


def runs(path, known):
    """All runs of 8 bytes in what the handshake of a path shows, but for what is known to be the same in each."""
    said = (path.token, *path.said, *path.answered)
    pieces = [piece for message in said for piece in message.replace(ZERO16, known).split(known)]
    return {piece[at:at + 8] for piece in pieces for at in range(len(piece) - 7)}


def unlinkable(lab):
    """Who hears all paths of a link finds nothing in one handshake that is in another, but for who the server is."""
    link = lab.link("known")
    paths = [link.hello(), *(link.attach() for _ in range(20))]
    require(len({path.token for path in paths}) == len(paths), "two paths showed one routing token")
    shown = [runs(path, link.acceptor) for path in paths]
    require(all(shown), "nothing was compared")
    require(sum(map(len, shown)) == len(set().union(*shown)), "the handshakes of two paths have 8 bytes in common")
    require(not any(link.link.link in message for path in paths[1:] for message in path.said + path.answered),
            "an attach shows the id of its link")
    link.leave()
    print(f"  {len(paths)} paths of one link: each shows another routing token, and nothing that another one shows")


def flip(record):
    return record[:-20] + bytes([record[-20] ^ 0x10]) + record[-19:]


def records_under_attack(lab, features):
    """Each attack ends the path that it comes by and nothing else."""
    link = lab.link("pinned", features)
    first, second = link.hello(), link.attach()
    flow, sent = Flow(link, b"echo"), os.urandom(1000)
    flow.send(first, sent)
    echoed(flow, sent)
    flow.put(second, len(sent), sent, spoil=flip)
    link.run(lambda: second.ended)
    second.close()
    require(bytes(flow.data) == sent, "a record that was changed was taken")
    third, kept = link.attach(), []
    flow.put(third, len(sent), sent, spoil=lambda record: kept.append(record) or record)
    flow.sent += len(sent)
    echoed(flow, sent + sent)
    third.write(kept[0])
    link.run(lambda: third.ended)
    third.close()
    flow.send(first, sent)
    flow.finish(first)
    link.run(lambda: flow.finished is not None)
    echoed(flow, 3 * sent)
    link.leave()
    print(f"  features {link.features}: a record changed by a bit, or played again: that path ends, the link lives on")


def main():
    folder, *ports = sys.argv[1:]
    *ports, echo = map(int, ports)
    lab = Laboratory(pathlib.Path(folder), *ports)
    with EchoServer(("127.0.0.1", echo), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print("conversations")
        seen = {conversation(lab, server, features) for server in lab.ports
                for features in (0, AES_128_GCM)}
        print("attacks")
        wrong_keys(lab)
        changed_on_the_way(lab)
        played_again(lab)
        unlinkable(lab)
        for features in (0, AES_128_GCM):
            records_under_attack(lab, features)
        server.shutdown()
    print("ciphers: " + ", ".join(sorted(seen)))


main()
