# SPDX-License-Identifier: Apache-2.0
"""Records on stream carriers, written from docs/wire.md; it shares no code with the program."""
import select
import socket
import struct
import time

VERSION = 1
HELLO, ATTACH = 1, 2  # forms of a prologue
ZERO16 = bytes(16)


class Broken(Exception):
    """The other end did not do what the documents say."""


class Refused(Exception):
    """It sent REFUSE."""

    def __init__(self, code, reset_token, reason):
        super().__init__(f"code {code}: {reason}")
        self.code, self.reset_token, self.reason = code, reset_token, reason


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
        self.form, self.token = form, token
        self.number, self.unread, self.prologue = 0, bytearray(), None
        self.seal = self.open = None  # keys of the two directions
        self.highest = -1
        self.ended = False
        self.said, self.answered = [], []  # handshake messages
        self.socket.sendall(bytes([form, VERSION]) + token)

    def close(self):
        self.ended = True
        self.socket.close()

    def send_handshake(self, message):
        self.said.append(message)
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
            if self.prologue != bytes([self.form, VERSION]) + ZERO16:
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
                self.answered.append(payload)
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
        reader.take(8 + 16)
        reset_token, reason = reader.take(32), reader.text().decode()
        reader.end()
        raise Refused(code, reset_token, reason)

    def closed_by_peer(self, seconds=5):
        """Waits for the end of the connection and ignores what comes before it."""
        until = time.monotonic() + seconds
        while not self.ended and select.select([self.socket], [], [], max(0, until - time.monotonic()))[0]:
            self.fill()
        return self.ended
