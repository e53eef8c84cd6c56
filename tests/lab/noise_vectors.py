#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The numbers of docs/security.md and of tests/unit/handshake_test.cpp, computed without rendr's code.

Usage: noise_vectors.py            holds the lines `golden: name = hex` of docs/security.md against what they should be
       noise_vectors.py --update   writes them anew
       noise_vectors.py --unit     prints the rows of `transcripts` in tests/unit/handshake_test.cpp
"""
import hashlib
import pathlib
import re
import sys
import textwrap

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

import noise_keys as rendr
from noise_wire import ATTACH, VERSION, ZERO16, text, varint

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "security.md"
GOLDEN = re.compile(r"^golden: (\w+) = (.*?[^\\])$", re.M | re.S)
# What the two ends of the example bring along.
DIALER = rendr.Offer(bytes([0xD1]) * 16, 1, 6, 90_000)
ACCEPTOR = rendr.Offer(bytes([0xAC]) * 16, 2, 13, 60_000)
PSK, DIALER_KEY, ACCEPTOR_KEY = bytes([0x33]) * 32, bytes([0x11]) * 32, bytes([0x22]) * 32
RESET_KEY, SERVER_ID, ROUTING_TOKEN = bytes([0x77]) * 32, bytes([0x88]) * 16, bytes([0x55]) * 16


class Random:
    """The generator that rendr's tests draw from: ChaCha20, whose first 32 bytes are the key of the next block."""

    def __init__(self, seed):
        stream = Cipher(algorithms.ChaCha20(bytes([seed]) * 32, bytes(16)), mode=None).encryptor()
        self.pool = stream.update(bytes(512))[32:]

    def take(self, size):
        out, self.pool = self.pool[:size], self.pool[size:]
        return out


def public(private):
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


class Example:
    """Both ends of one link whose random values are those of the tests."""

    def __init__(self, pattern):
        self.pattern = rendr.PATTERNS.index(pattern)
        self.dialer_random, self.acceptor_random = Random(1), Random(2)
        self.nonce = self.dialer_random.take(16)
        self.dialer_ephemeral = self.dialer_random.take(32)
        self.acceptor_ephemeral = self.acceptor_random.take(32)
        self.dialer_fresh, self.acceptor_fresh = self.dialer_random.take(16), self.acceptor_random.take(16)
        held = rendr.Keys(PSK, DIALER_KEY, public(ACCEPTOR_KEY))
        self.hello = rendr.Hello(self.pattern, DIALER, held, self.nonce, self.dialer_ephemeral)
        self.prologue = rendr.noise_prologue(self.nonce, DIALER, self.pattern)
        self.answer()

    def answer(self):
        noise = rendr.start_noise(self.pattern, self.prologue, rendr.Keys(PSK, ACCEPTOR_KEY), self.acceptor_ephemeral,
                                  initiator=False)
        assert noise.read_message(self.hello.message) == b""
        self.link = rendr.link_id(self.nonce, public(self.dialer_ephemeral), public(self.acceptor_ephemeral))
        self.reset_token = rendr.reset_token(RESET_KEY, SERVER_ID, ROUTING_TOKEN)
        self.payload = rendr.AckPayload.encode(self.reset_token, ROUTING_TOKEN, ACCEPTOR)
        self.ack_noise = bytes(noise.write_message(self.payload))
        payload, self.features, self.keys = self.hello.accept(self.ack_noise)
        assert payload.routing_token == ROUTING_TOKEN and self.keys.link == self.link

    def prove(self, kind, path, leaf, binding=b"", **fresh):
        covered = rendr.proof_bytes(kind, self.link, path, leaf, rendr.SEALED, DIALER.instance, ACCEPTOR.instance,
                                    binding=binding, **fresh)
        return covered, rendr.proof(self.keys.attach_auth, covered)

    def path(self, path, leaf, binding=b""):
        """The proofs of an attach, and the keys of the path."""
        fresh = {"dialer_fresh": self.dialer_fresh}
        asked = self.prove("attach", path, leaf, binding, **fresh)[1]
        fresh["acceptor_fresh"] = self.acceptor_fresh
        challenge = self.prove("challenge", path, leaf, binding, **fresh)[1]
        covered, answer = self.prove("attach_ack", path, leaf, binding, **fresh)
        return asked, challenge, answer, *self.keys.path_keys(path, hashlib.sha256(covered).digest())


    def question(self):
        """Prologue and both Noise messages of an ASK behind the routing token, and of its answer."""
        prologue = rendr.ask_prologue(ROUTING_TOKEN, self.pattern)
        dialer = rendr.start_noise(self.pattern, prologue, rendr.Keys(PSK, DIALER_KEY, public(ACCEPTOR_KEY)),
                                   self.dialer_random.take(32), initiator=True)
        acceptor = rendr.start_noise(self.pattern, prologue, rendr.Keys(PSK, ACCEPTOR_KEY), self.acceptor_random.take(32),
                                     initiator=False)
        asked = bytes(dialer.write_message())
        assert acceptor.read_message(asked) == b""
        answer = bytes(acceptor.write_message())
        assert dialer.read_message(answer) == b""
        return prologue, asked, answer


def unit_rows():
    for pattern in rendr.PATTERNS:
        e = Example(pattern)
        covered, confirm = e.prove("confirm", 0, 3)
        values = [e.hello.message, e.ack_noise, e.keys.handshake_hash, e.keys.link_secret, e.keys.attach_auth, confirm,
                  *e.keys.path_keys(0, hashlib.sha256(covered).digest()), *e.path(7, 1, b"exporter")]
        rows = ["\n     ".join(f'"{line}"' for line in textwrap.wrap(v.hex(), 64)) for v in values]
        yield f'    {{"{pattern}", ' + ",\n     ".join(rows) + "},"


def sealed_record(path_key, features, number, payload):
    key = rendr.RecordKey(path_key, features)
    head = (1 + len(varint(number)) + len(payload) + 16).to_bytes(3, "big") + b"\1" + varint(number)
    return key, head + key.seal(number, head, payload)


def document_values():
    e = Example("IKpsk2")
    yield from {"dialer_public": public(DIALER_KEY), "acceptor_public": public(ACCEPTOR_KEY), "link_nonce": e.nonce,
                "dialer_ephemeral_private": e.dialer_ephemeral, "dialer_ephemeral": public(e.dialer_ephemeral),
                "acceptor_ephemeral_private": e.acceptor_ephemeral, "acceptor_ephemeral": public(e.acceptor_ephemeral),
                "noise_prologue": e.prologue}.items()
    terms = varint(3) + bytes([rendr.SEALED])
    yield "hello", (b"\1" + e.nonce + DIALER.instance + rendr.u64(DIALER.required) + rendr.u64(DIALER.optional) + terms
                    + varint(DIALER.grace) + bytes([e.pattern]) + text(e.hello.message))
    yield from {"link": e.link, "reset_token": e.reset_token, "ack_payload": e.payload}.items()
    yield "hello_ack", (b"\2" + e.nonce + ACCEPTOR.instance + e.link + rendr.u64(e.features) + varint(60_000)
                        + bytes(16) + text(e.ack_noise))
    yield from {"handshake_hash": e.keys.handshake_hash, "chaining_key": e.hello.symmetric.ck, "prk": e.keys.prk,
                "link_secret": e.keys.link_secret, "attach_auth": e.keys.attach_auth}.items()
    covered, confirm = e.prove("confirm", 0, 3)
    transcript = hashlib.sha256(covered).digest()
    to_acceptor, to_dialer = e.keys.path_keys(0, transcript)
    yield from {"confirm_covered": covered, "confirm": b"\5" + varint(0) + confirm, "confirm_transcript": transcript,
                "path_0_to_acceptor": to_acceptor, "path_0_to_dialer": to_dialer}.items()
    for name, features in ("chacha", 0), ("aes", rendr.AES_128_GCM):
        key, record = sealed_record(to_acceptor, features, 2, bytes.fromhex("0202"))
        yield f"{name}_key", key.key
        if name == "chacha":
            yield from {"record_iv": key.iv, "record_nonce": key.nonce(2)}.items()
        yield f"{name}_record", record
    yield "next_path_key", rendr.expand(to_acceptor, "rendr 1 next key")
    asked, challenge, answer, to_acceptor, to_dialer = e.path(1, 1)
    yield "attach_prologue", bytes([ATTACH, VERSION]) + ROUTING_TOKEN
    yield from {"attach": b"\3" + varint(0) + varint(1) + varint(1) + b"\1" + e.dialer_fresh + asked + ZERO16,
                "challenge": b"\4" + varint(1) + e.acceptor_fresh + ACCEPTOR.instance + challenge,
                "attach_ack": b"\5" + varint(1) + answer, "path_1_to_acceptor": to_acceptor,
                "path_1_to_dialer": to_dialer}.items()
    prologue, asked, answer = e.question()
    yield from {"ask_prologue": prologue, "ask": b"\7" + bytes([e.pattern]) + text(asked),
                "answer": b"\x08" + text(answer)}.items()


def golden_line(name, value):
    line = f"golden: {name} = {value.hex()}"
    return line if len(line) <= 72 else f"golden: {name} = \\\n  " + " \\\n  ".join(textwrap.wrap(value.hex(), 64))


def main():
    if sys.argv[1:] == ["--unit"]:
        print(*unit_rows(), sep="\n")
        return
    if sys.argv[1:] not in ([], ["--update"]):
        sys.exit(__doc__)
    known, page = dict(document_values()), DOCUMENT.read_text()
    shown = {name: bytes.fromhex(re.sub(r"[\\\s]", "", digits)) for name, digits in GOLDEN.findall(page)}
    wrong = [name for name in {**known, **shown} if known.get(name) != shown.get(name)]
    if sys.argv[1:] and set(known) >= set(shown):
        DOCUMENT.write_text(GOLDEN.sub(lambda m: golden_line(m[1], known[m[1]]), page))
        wrong = sorted(set(known) - set(shown))
    print("docs/security.md: " + (f"wrong or missing: {', '.join(wrong)}" if wrong else f"{len(known)} numbers agree"))
    sys.exit(1 if wrong else 0)


main()
