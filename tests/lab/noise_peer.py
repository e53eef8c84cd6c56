# SPDX-License-Identifier: Apache-2.0
"""A dialer of rendr in Python, written from docs/wire.md and docs/security.md; it shares no code with the program.

One link, its paths, and one stream flow with what a peer owes: acknowledgements, credit, answers to pings. Everything
runs in the thread that calls; each wait has a deadline and ends in `Broken` when it passes.
"""
import os
import select
import socket
import struct
import time

import noise_keys as keys_of_rendr
from noise_keys import SEALED, ZERO16

HELLO, ATTACH = 1, 2  # forms of a prologue
GRACE_MS = 60_000
FIRST_CREDIT = 16_384
OUR_CREDIT = 1 << 20  # more than a flow here sends


class Broken(Exception):
    """The other end did not do what the documents say."""


class Refused(Exception):
    """It sent REFUSE."""

    def __init__(self, code, reason):
        super().__init__(f"code {code}: {reason}")
        self.code, self.reason = code, reason


def crc_table():
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        yield value


CRC_TABLE = list(crc_table())


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC_TABLE[(crc ^ byte) & 0xFF]
    return struct.pack("<I", crc ^ 0xFFFFFFFF)


def varint(value):
    for size, (limit, mark) in {1: (1 << 6, 0), 2: (1 << 14, 1), 4: (1 << 30, 2), 8: (1 << 62, 3)}.items():
        if value < limit:
            return (value | mark << (8 * size - 2)).to_bytes(size, "big")
    raise ValueError(value)


def text(data):
    return varint(len(data)) + data


class Reader:
    """Takes fields from the front of a message."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        if self.at + size > len(self.data):
            raise Broken("a message ends in the middle of a field")
        self.at += size
        return self.data[self.at - size:self.at]

    def varint(self):
        first = self.take(1)[0]
        size = 1 << (first >> 6)
        value = int.from_bytes(bytes([first & 0x3F]) + self.take(size - 1), "big")
        if varint(value) != self.data[self.at - size:self.at]:
            raise Broken("a varint that is not the shortest")
        return value

    def u64(self):
        return int.from_bytes(self.take(8), "big")

    def text(self):
        return self.take(self.varint())

    def more(self):
        return self.at < len(self.data)

    def end(self):
        if self.more():
            raise Broken("bytes left over behind a message")


class Carrier:
    """A TCP connection with its prologues and records."""

    def __init__(self, address, form, token=ZERO16):
        self.socket = socket.create_connection(address, timeout=5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.form, self.number, self.unread, self.prologue = form, 0, bytearray(), None
        self.seal = self.open = None  # keys of the two directions
        self.highest = -1
        self.ended = False
        self.socket.sendall(bytes([form, keys_of_rendr.VERSION]) + token)

    def close(self):
        self.ended = True
        self.socket.close()

    def send_handshake(self, message):
        number = varint(self.number)
        record = struct.pack(">I", 1 + len(number) + len(message) + 4)[1:] + b"\0" + number + message
        self.write(record + crc32c(record))

    def send_frames(self, payload, spoil=None):
        """Returns the number of the record. `spoil` changes its bytes on the way."""
        number, trailer = varint(self.number), 4 if self.seal is None else 16
        head = struct.pack(">I", 1 + len(number) + len(payload) + trailer)[1:] + b"\1" + number
        record = head + payload + crc32c(head + payload) if self.seal is None else (
            head + self.seal.seal(self.number, head, payload))
        self.write(spoil(record) if spoil else record)
        return self.number - 1

    def write(self, record):
        self.number += 1
        try:
            self.socket.sendall(record)
        except OSError:
            self.ended = True

    def fill(self):
        """Reads once. False: the other end closed."""
        try:
            data = self.socket.recv(1 << 18)
        except OSError:
            data = b""
        self.unread += data
        self.ended = self.ended or not data
        return bool(data)

    def records(self):
        """Yields (number, is frames, payload) of what is complete."""
        if self.prologue is None and len(self.unread) >= 18:
            self.prologue = bytes(self.unread[:18])
            del self.unread[:18]
            if self.prologue != bytes([self.form, keys_of_rendr.VERSION]) + ZERO16:
                raise Broken(f"a prologue {self.prologue.hex()}")
        while self.prologue and len(self.unread) >= 3:
            size = 3 + int.from_bytes(self.unread[:3], "big")
            if len(self.unread) < size:
                return
            record = bytes(self.unread[:size])
            del self.unread[:size]
            yield self.take_apart(record)

    def take_apart(self, record):
        reader = Reader(record)
        reader.take(3)
        flags, number = reader.take(1)[0], reader.varint()
        if flags not in (0, 1):
            raise Broken(f"flags {flags:#x}")
        if number <= self.highest:
            raise Broken("a record number that did not grow")
        self.highest = number
        if flags == 1 and self.open is not None:
            return number, True, self.open.open(number, record[:reader.at], record[reader.at:])
        if crc32c(record[:-4]) != record[-4:]:
            raise Broken("a checksum that is wrong")
        return number, flags == 1, record[reader.at:-4]

    def handshake(self, seconds=5):
        """The next message of the handshake, behind its type; a refusal is raised, an end too."""
        until = time.monotonic() + seconds
        while True:
            for _, frames, payload in self.records():
                if frames:
                    raise Broken("frames before the handshake was over")
                return self.refusal_or(Reader(payload))
            if not select.select([self.socket], [], [], max(0, until - time.monotonic()))[0]:
                raise Broken("no answer")
            if not self.fill():
                raise Broken("the connection was closed")

    @staticmethod
    def refusal_or(reader):
        kind = reader.take(1)[0]
        if kind != 6:
            return kind, reader
        code = reader.varint()
        reader.take(8 + 16 + 32)
        raise Refused(code, reader.text().decode())

    def closed_by_peer(self, seconds=5):
        """Waits for the end of the connection and ignores what comes before it."""
        until = time.monotonic() + seconds
        while not self.ended and select.select([self.socket], [], [], max(0, until - time.monotonic()))[0]:
            self.fill()
        return self.ended


class Path(Carrier):
    """A carrier of a link, with what is owed on it and what is under way."""

    def __init__(self, address, form, path, token=ZERO16):
        super().__init__(address, form, token)
        self.id = path
        self.received = []  # ranges [first, last] of the numbers of frame records
        self.owes_ack = False
        self.under_way = {}  # number: (offset, size) of flow data, or None

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
        self.address, self.pattern, self.keys = address, keys_of_rendr.PATTERNS.index(pattern), keys
        self.offer = keys_of_rendr.Offer(os.urandom(16), 0, features, GRACE_MS)
        self.paths, self.next_path = [], 1

    # --- The handshake: everything that knows how a path is made

    def terms(self, path, leaf, guard):
        return {"link": self.link.link, "path": path, "leaf": leaf, "guard": guard, "dialer": self.offer.instance,
                "acceptor": self.acceptor}

    def protect(self, carrier, covered, guard):
        transcript = keys_of_rendr.hashlib.sha256(covered).digest()
        to_acceptor, to_dialer = self.link.path_keys(carrier.id, transcript)
        if guard == SEALED:
            carrier.seal = keys_of_rendr.RecordKey(to_acceptor, self.features)
            carrier.open = keys_of_rendr.RecordKey(to_dialer, self.features)

    def hello(self, leaf=0, guard=SEALED, guard_said=None):
        """Makes the link and its first path. `guard_said`: what somebody on the way made of the guard."""
        hello = keys_of_rendr.Hello(self.pattern, self.offer, self.keys, os.urandom(16))
        carrier = Path(self.address, HELLO, 0)
        carrier.send_handshake(
            b"\1" + hello.nonce + self.offer.instance + keys_of_rendr.u64(self.offer.required)
            + keys_of_rendr.u64(self.offer.optional) + varint(leaf) + bytes([guard if guard_said is None else guard_said])
            + varint(self.offer.grace) + bytes([self.pattern]) + text(hello.message))
        kind, reader = carrier.handshake()
        if kind != 2 or reader.take(16) != hello.nonce:
            raise Broken("no HELLO_ACK of this HELLO")
        self.acceptor, link, features, grace = reader.take(16), reader.take(16), reader.u64(), reader.varint()
        token, noise = reader.take(16), reader.text()
        reader.end()
        payload, self.features, self.link = hello.accept(noise)
        agreed = (payload.acceptor.instance, self.link.link, self.features, min(GRACE_MS, payload.acceptor.grace), ZERO16)
        if (self.acceptor, link, features, grace, token) != agreed:
            raise Broken("HELLO_ACK says in clear what its payload does not")
        self.token = payload.routing_token
        covered = keys_of_rendr.proof_bytes("confirm", **self.terms(0, leaf, guard))
        carrier.send_handshake(b"\5" + varint(0) + keys_of_rendr.proof(self.link.attach_auth, covered))
        self.protect(carrier, covered, guard)
        self.paths.append(carrier)
        return carrier

    def attach(self, leaf=1, guard=SEALED, guard_said=None, path=None, spoil=None):
        """Makes a further path. `spoil` changes the MAC of one message: "attach" or "attach_ack"."""
        if path is None:
            path, self.next_path = self.next_path, self.next_path + 1
        fresh, terms = os.urandom(16), self.terms(path, leaf, guard)
        carrier = Path(self.address, ATTACH, path, self.token)

        def prove(kind, **values):
            covered = keys_of_rendr.proof_bytes(kind, dialer_fresh=fresh, **terms, **values)
            mac = keys_of_rendr.proof(self.link.attach_auth, covered)
            return covered, bytes([mac[0] ^ 1]) + mac[1:] if spoil == kind else mac

        carrier.send_handshake(b"\3" + self.link.link + varint(0) + varint(path) + varint(leaf)
                               + bytes([guard if guard_said is None else guard_said]) + fresh + prove("attach")[1])
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

    # --- What runs over the paths

    def run(self, flow, done, seconds=5):
        """Serves all paths until `done()`."""
        until = time.monotonic() + seconds
        while not done():
            alive = [p for p in self.paths if not p.ended]
            left = until - time.monotonic()
            if not alive or left <= 0:
                raise Broken("no path is left" if not alive else "it did not come to pass in time")
            for path in select.select([p.socket for p in alive], [], [], left)[0]:
                self.serve(next(p for p in alive if p.socket is path), flow)

    def serve(self, path, flow):
        path.fill()
        answers = b""
        for number, frames, payload in path.records():
            if not frames:
                raise Broken("a handshake message behind the handshake")
            answers += self.take_frames(path, flow, number, payload)
        if path.owes_ack:
            answers += path.ack_frame()
        if answers and not path.ended:
            path.under_way[path.send_frames(flow.opening() + answers)] = None

    def take_frames(self, path, flow, number, payload):
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
                self.acknowledged(reader, flow)
            elif kind == 0x08:
                reader.varint(), reader.varint(), reader.take(2), reader.varint()
            elif kind == 0x1E:
                reader.varint(), reader.varint(), reader.text()
            elif kind == 0x20:
                reader.varint()
                path.close()
            elif kind & 1:
                reader.text()
            else:
                flow.take(kind, reader)
        path.heard(number, eliciting)
        return answers

    def acknowledged(self, reader, flow):
        path, _, largest, further = reader.varint(), reader.varint(), reader.varint(), reader.varint()
        ranges = [(largest - reader.varint(), largest)]
        for _ in range(further):
            last = ranges[-1][0] - reader.varint() - 2
            ranges.append((last - reader.varint(), last))
        for candidate in (p for p in self.paths if p.id == path):
            if largest >= candidate.number:
                raise Broken("an acknowledgement of what was not sent")
            for number in [n for n in candidate.under_way if any(a <= n <= b for a, b in ranges)]:
                flow.arrived(candidate.under_way.pop(number))

    def leave(self):
        """Ends the link in order."""
        for path in self.paths:
            if not path.ended:
                path.send_frames(b"\x1e" + varint(1) + varint(0) + text(b"done") + b"\x20" + varint(0))
        for path in self.paths:
            path.closed_by_peer()
            path.close()


class Flow:
    """The stream flow number 0 of a link, to a target of the server, through a selector over two leaves."""

    def __init__(self, link, target):
        self.link = link
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
            self.link.run(self, lambda: self.sent < self.limit)
            piece = data[:min(8192, self.limit - self.sent)]
            self.put(path, self.sent, piece)
            self.sent, data = self.sent + len(piece), data[len(piece):]

    def put(self, path, offset, piece, spoil=None):
        self.waiting[offset] = piece
        control, self.told = b"" if self.told else self.control, True
        frames = self.opening() + control + b"\x10" + varint(0) + varint(offset) + text(piece)
        path.under_way[path.send_frames(frames, spoil)] = offset

    def send_again(self, path):
        """What was not acknowledged, by another path."""
        self.told = False
        for offset, piece in sorted(self.waiting.items()):
            self.put(path, offset, piece)

    def finish(self, path):
        path.under_way[path.send_frames(self.opening() + b"\x12" + varint(0) + varint(self.sent))] = None

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
