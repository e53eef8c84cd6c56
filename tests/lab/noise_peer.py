# SPDX-License-Identifier: Apache-2.0
"""A dialer of rendr in Python, written from docs/wire.md and docs/security.md; it shares no code with the program.

One link, its paths, and one stream flow with what a peer owes: acknowledgements, credit, answers to pings. Everything
runs in the thread that calls; each wait has a deadline and ends in `Broken` when it passes.
"""
import hashlib
import os
import select
import time

import noise_keys
from noise_keys import SEALED, u64
from noise_wire import ATTACH, HELLO, ZERO16, Broken, Carrier, Reader, text, varint

GRACE_MS = 60_000
FIRST_CREDIT = 16_384
OUR_CREDIT = 1 << 20  # more than a flow here sends
MOST_TOKENS = 16  # no token's number is this much above how many were used


class Path(Carrier):
    """A carrier of a link, with what is owed on it and what is under way."""

    def __init__(self, address, form, path, token=ZERO16):
        super().__init__(address, form, token)
        self.id = path
        self.received = []  # ranges [first, last] of the numbers of frame records
        self.owes_ack = False
        self.under_way = {}  # number: (flow, offset of its data or None, numbers of retired tokens)

    def heard(self, number, eliciting):
        if self.received and self.received[-1][1] == number - 1:
            self.received[-1][1] = number
        else:
            self.received.append([number, number])
        self.owes_ack = self.owes_ack or eliciting

    def ack_frame(self):
        self.owes_ack = False
        ranges = self.received[:-33:-1]
        out = b"\x06" + varint(self.id) + varint(0) + varint(ranges[0][1]) + varint(len(ranges) - 1)
        out += varint(ranges[0][1] - ranges[0][0])
        for newer, older in zip(ranges, ranges[1:]):
            out += varint(newer[0] - older[1] - 2) + varint(older[1] - older[0])
        return out


class Link:
    """A link to a rendr acceptor."""

    def __init__(self, address, pattern, keys, features=0):
        self.address, self.pattern, self.keys = address, noise_keys.PATTERNS.index(pattern), keys
        self.offer = noise_keys.Offer(os.urandom(16), 0, features, GRACE_MS)
        self.paths, self.next_path, self.flow = [], 1, NoFlow()
        self.handed = {}  # number: (routing token, reset token)
        self.unused, self.retiring, self.used = set(), [], 0  # numbers; how many
        self.shown = None  # the pair whose routing token an attach showed last

    # --- The handshake: everything that knows how a path is made

    def terms(self, path, leaf, guard):
        return {"link": self.link.link, "path": path, "leaf": leaf, "guard": guard, "dialer": self.offer.instance,
                "acceptor": self.acceptor}

    def protect(self, carrier, covered, guard):
        transcript = hashlib.sha256(covered).digest()
        to_acceptor, to_dialer = self.link.path_keys(carrier.id, transcript)
        if guard == SEALED:
            carrier.seal = noise_keys.RecordKey(to_acceptor, self.features)
            carrier.open = noise_keys.RecordKey(to_dialer, self.features)

    def hello(self, leaf=0, guard=SEALED, guard_said=None):
        """Makes the link and its first path. `guard_said`: what somebody on the way made of the guard."""
        hello = noise_keys.Hello(self.pattern, self.offer, self.keys, os.urandom(16))
        carrier = Path(self.address, HELLO, 0)
        carrier.send_handshake(
            b"\1" + hello.nonce + self.offer.instance + u64(self.offer.required)
            + u64(self.offer.optional) + varint(leaf) + bytes([guard if guard_said is None else guard_said])
            + varint(self.offer.grace) + bytes([self.pattern]) + text(hello.message))
        kind, reader = carrier.handshake()
        if kind != 2 or reader.take(16) != hello.nonce:
            raise Broken("no HELLO_ACK of this HELLO")
        self.acceptor, link, features, grace = reader.take(16), reader.take(16), reader.u64(), reader.varint()
        token, noise = reader.take(16), reader.text()
        reader.end()
        payload, self.features, self.link = hello.accept(noise)
        grace_agreed = min(GRACE_MS, payload.acceptor.grace)
        agreed = (payload.acceptor.instance, self.link.link, self.features, grace_agreed, ZERO16)
        if (self.acceptor, link, features, grace, token) != agreed:
            raise Broken("HELLO_ACK says in clear what its payload does not")
        self.take_token(0, payload.routing_token, payload.reset_token)
        covered = noise_keys.proof_bytes("confirm", **self.terms(0, leaf, guard))
        carrier.send_handshake(b"\5" + varint(0) + noise_keys.proof(self.link.attach_auth, covered))
        self.protect(carrier, covered, guard)
        self.paths.append(carrier)
        return carrier

    def attach(self, leaf=1, guard=SEALED, guard_said=None, path=None, spoil=None):
        """Makes a further path. `spoil` changes the MAC of one message: "attach" or "attach_ack"."""
        if path is None:
            path, self.next_path = self.next_path, self.next_path + 1
        fresh, terms = os.urandom(16), self.terms(path, leaf, guard)
        carrier = Path(self.address, ATTACH, path, self.next_token())

        def prove(kind, **values):
            covered = noise_keys.proof_bytes(kind, dialer_fresh=fresh, **terms, **values)
            mac = noise_keys.proof(self.link.attach_auth, covered)
            return covered, bytes([mac[0] ^ 1]) + mac[1:] if spoil == kind else mac

        carrier.send_handshake(b"\3" + varint(0) + varint(path) + varint(leaf)
                               + bytes([guard if guard_said is None else guard_said]) + fresh + prove("attach")[1]
                               + ZERO16)
        kind, reader = carrier.handshake()
        if kind != 4 or reader.varint() != path:
            raise Broken("no CHALLENGE of this ATTACH")
        acceptor_fresh, instance, mac = reader.take(16), reader.take(16), reader.take(32)
        reader.end()
        if instance != self.acceptor or mac != prove("challenge", acceptor_fresh=acceptor_fresh)[1]:
            raise Broken("a CHALLENGE that proves nothing")
        covered, answer = prove("attach_ack", acceptor_fresh=acceptor_fresh)
        carrier.send_handshake(b"\5" + varint(path) + answer)
        self.protect(carrier, covered, guard)
        self.paths.append(carrier)
        return carrier

    # --- The routing tokens

    def take_token(self, number, *token):
        """One may come again, when its record was taken for lost."""
        if number in self.handed:
            if self.handed[number] != token:
                raise Broken(f"the token {number} became another one")
            return
        if number >= self.used + MOST_TOKENS:
            raise Broken(f"the token {number}, when {self.used} were used")
        if token[0] in (routing for routing, _ in self.handed.values()):
            raise Broken(f"the token {number} is one that was handed out before")
        self.handed[number] = token
        self.unused.add(number)

    def next_token(self):
        """One that was never shown; the last one again when no path lives and none is left."""
        if not self.unused and self.alive():
            self.run(lambda: self.unused)
        if self.unused:
            number = min(self.unused)
            self.unused.remove(number)
            self.retiring.append(number)
            self.used, self.shown = self.used + 1, self.handed[number]
            if self.alive():
                self.send(self.alive()[0])
        return self.shown[0]

    # --- What runs over the paths

    def alive(self):
        return [path for path in self.paths if not path.ended]

    def send(self, path, frames=b"", offset=None, spoil=None):
        """A record by this path, with what each one begins with: the OPEN and RETIRE_TOKEN until they have arrived."""
        frames = self.flow.opening() + b"".join(b"\x2e" + varint(n) for n in self.retiring) + frames
        path.under_way[path.send_frames(frames, spoil)] = self.flow, offset, tuple(self.retiring)

    def run(self, done, seconds=5):
        """Serves all paths until `done()`."""
        until = time.monotonic() + seconds
        while not done():
            alive = self.alive()
            left = until - time.monotonic()
            if not alive or left <= 0:
                raise Broken("no path is left" if not alive else "it did not come to pass in time")
            for path in select.select([p.socket for p in alive], [], [], left)[0]:
                self.serve(next(p for p in alive if p.socket is path))

    def serve(self, path):
        path.fill()
        answers = b""
        for number, frames, payload in path.records():
            if not frames:
                raise Broken("a handshake message behind the handshake")
            answers += self.take_frames(path, number, payload)
        if path.owes_ack:
            answers += path.ack_frame()
        if answers and not path.ended:
            self.send(path, answers)

    def take_frames(self, path, number, payload):
        """Returns the frames that answer at once."""
        reader, answers, eliciting = Reader(payload), b"", False
        while reader.more():
            kind = reader.varint()
            eliciting = eliciting or kind not in (0x00, 0x06)
            if kind == 0x00:
                continue
            if kind == 0x02:
                answers += b"\4" + varint(reader.varint())
            elif kind == 0x06:
                self.acknowledged(reader)
            elif kind == 0x08:
                reader.varint(), reader.varint(), reader.take(2), reader.varint()
            elif kind == 0x1E:
                reader.varint(), reader.varint(), reader.text()
            elif kind == 0x20:
                reader.varint()
                path.close()
            elif kind == 0x2C:
                self.take_token(reader.varint(), reader.take(16), reader.take(32))
            elif kind & 1:
                reader.text()
            else:
                self.flow.take(kind, reader)
        path.heard(number, eliciting)
        return answers

    def acknowledged(self, reader):
        path, _, largest, further = reader.varint(), reader.varint(), reader.varint(), reader.varint()
        ranges = [(largest - reader.varint(), largest)]
        for _ in range(further):
            last = ranges[-1][0] - reader.varint() - 2
            ranges.append((last - reader.varint(), last))
        for candidate in (p for p in self.paths if p.id == path):
            if largest >= candidate.number:
                raise Broken("an acknowledgement of what was not sent")
            for number in [n for n in candidate.under_way if any(a <= n <= b for a, b in ranges)]:
                flow, offset, retired = candidate.under_way.pop(number)
                flow.arrived(offset)
                self.retiring = [n for n in self.retiring if n not in retired]

    def leave(self):
        """Ends the link in order."""
        for path in self.alive():
            path.send_frames(b"\x1e" + varint(1) + varint(0) + text(b"done") + b"\x20" + varint(0))
        for path in self.paths:
            path.closed_by_peer()
            path.close()


class NoFlow:
    """That of a link on which nothing was opened."""

    def opening(self):
        return b""

    def arrived(self, offset):
        pass

    def take(self, kind, reader):
        raise Broken(f"a frame of type {kind:#x} where there is no flow")


class Flow:
    """The stream flow number 0 of a link, to a target of the server, through a selector over two leaves."""

    def __init__(self, link, target):
        self.link, link.flow = link, self
        metadata = varint(2) + text(target)
        self.open = b"\x0a" + varint(0) + os.urandom(16) + b"\0" + text(b"") + text(metadata)
        # State that a peer needs once: the graph, and the credit for what comes back.
        self.control = (b"\x1a" + varint(1) + text(b"") + text(b"s:selector(a#0,b#1)")
                        + b"\x18" + varint(0) + varint(OUR_CREDIT))
        self.opened = self.accepted = self.told = False
        self.sent, self.limit = 0, FIRST_CREDIT
        self.data, self.finished, self.rejected = bytearray(), None, None
        self.pieces = {}  # offset: bytes that came out of order
        self.waiting = {}  # offset: bytes that are not acknowledged

    def opening(self):
        """What every record with frames of this flow begins with."""
        return b"" if self.opened else self.open

    def send(self, path, data):
        """Sends the next bytes by this path; waits for credit."""
        while data:
            self.link.run(lambda: self.sent < self.limit)
            piece = data[:min(8192, self.limit - self.sent)]
            self.put(path, self.sent, piece)
            self.sent, data = self.sent + len(piece), data[len(piece):]

    def put(self, path, offset, piece, spoil=None):
        self.waiting[offset] = piece
        control, self.told = b"" if self.told else self.control, True
        self.link.send(path, control + b"\x10" + varint(0) + varint(offset) + text(piece), offset, spoil)

    def send_again(self, path):
        """What was not acknowledged, by another path."""
        self.told = False
        for offset, piece in sorted(self.waiting.items()):
            self.put(path, offset, piece)

    def finish(self, path):
        self.link.send(path, b"\x12" + varint(0) + varint(self.sent))

    def arrived(self, offset):
        self.opened = True  # every record until now began with the OPEN
        self.waiting.pop(offset, None)

    def take(self, kind, reader):
        if reader.varint() != 0:
            raise Broken("a frame of a flow that nobody opened")
        if kind == 0x0C:
            self.accepted = True
        elif kind == 0x0E:
            self.rejected = reader.varint(), reader.text()
        elif kind == 0x10:
            self.take_data(reader.varint(), reader.text())
        elif kind == 0x12:
            self.finished = reader.varint()
        elif kind == 0x18:
            self.limit = max(self.limit, reader.varint())
        elif kind in (0x14, 0x16):
            raise Broken(f"the flow was given up with code {reader.varint()}")
        else:
            raise Broken(f"a frame of type {kind:#x}")

    def take_data(self, offset, piece):
        if offset + len(piece) > OUR_CREDIT:
            raise Broken("more than the credit")
        self.pieces[offset] = max(piece, self.pieces.get(offset, b""), key=len)
        for at in sorted(self.pieces):
            if at <= len(self.data):
                self.data += self.pieces.pop(at)[len(self.data) - at:]
