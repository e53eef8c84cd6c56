# SPDX-License-Identifier: Apache-2.0
"""The handshake and the key schedule of rendr, written from docs/security.md and docs/wire.md alone.

Noise is that of the package noiseprotocol, the ciphers are those of the package cryptography. Nothing here comes from
rendr's own code: it is what the documents are held against.
"""
import hashlib
import hmac
import warnings

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from noise.connection import Keypair, NoiseConnection

from noise_wire import VERSION, ZERO16

PATTERNS = ("NN", "NNpsk0", "IKpsk2")  # by their number in HELLO
CHECKSUM, SEALED = 0, 1
AES_128_GCM = 1  # feature bit
ZERO32 = bytes(32)
PROOF_LABELS = {"attach": b"rendr 1 attach", "challenge": b"rendr 1 challenge",
                "attach_ack": b"rendr 1 attach ack", "confirm": b"rendr 1 confirm"}


def u64(value):
    return value.to_bytes(8, "big")


class Offer:
    """What one end says of itself in a hello."""

    def __init__(self, instance, required, optional, grace):
        self.instance, self.required, self.optional, self.grace = instance, required, optional, grace

    def features_with(self, other):
        both = (self.required | self.optional) & (other.required | other.optional)
        if (self.required | other.required) & ~both:
            raise ValueError("one end requires what the other does not offer")
        return both


class Keys:
    """What one end holds: a pre-shared key, its own private key, the public key of the peer. None: it has none."""

    def __init__(self, psk=None, own=None, peer=None):
        self.psk, self.own, self.peer = psk, own, peer


def noise_prologue(nonce, dialer, pattern):
    return (b"rendr hello" + bytes([VERSION]) + nonce + dialer.instance + u64(dialer.required) + u64(dialer.optional)
            + u64(dialer.grace) + bytes([pattern]))


def ask_prologue(routing_token, pattern):
    return b"rendr ask" + bytes([VERSION]) + routing_token + bytes([pattern])


def start_noise(pattern, prologue, keys, ephemeral=None, initiator=True):
    noise = NoiseConnection.from_name(f"Noise_{PATTERNS[pattern]}_25519_ChaChaPoly_SHA256".encode())
    noise.set_as_initiator() if initiator else noise.set_as_responder()
    noise.set_prologue(prologue)
    if pattern != 0:
        noise.set_psks(keys.psk or ZERO32)
    if pattern == 2:
        noise.set_keypair_from_private_bytes(Keypair.STATIC, keys.own)
        if initiator:
            noise.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, keys.peer)
    if ephemeral is not None:
        noise.set_keypair_from_private_bytes(Keypair.EPHEMERAL, ephemeral)
        warnings.filterwarnings("ignore", "One of ephemeral keypairs is already set")
    noise.start_handshake()
    return noise


class AckPayload:
    """The plain text of the second Noise message."""

    SIZE = 32 + 16 + 16 + 3 * 8

    def __init__(self, plain):
        if len(plain) != self.SIZE:
            raise ValueError(f"a payload of {len(plain)} bytes")
        self.reset_token, self.routing_token = bytes(plain[:32]), bytes(plain[32:48])
        self.acceptor = Offer(bytes(plain[48:64]),
                              *(int.from_bytes(plain[at:at + 8], "big") for at in (64, 72, 80)))

    @staticmethod
    def encode(reset_token, routing_token, acceptor):
        return (reset_token + routing_token + acceptor.instance + u64(acceptor.required) + u64(acceptor.optional)
                + u64(acceptor.grace))


def link_id(nonce, dialer_ephemeral, acceptor_ephemeral):
    return hashlib.sha256(b"rendr 1 link id" + nonce + dialer_ephemeral + acceptor_ephemeral).digest()[:16]


def reset_token(reset_key, server_id, routing_token):
    return hmac.digest(reset_key, b"rendr 1 link reset" + server_id + routing_token, "sha256")


def expand(key, label, context=b""):
    info = label.encode() + hashlib.sha256(context).digest()
    return HKDFExpand(hashes.SHA256(), 32, info).derive(key)


class LinkKeys:
    def __init__(self, link, chaining_key, handshake_hash):
        self.link, self.handshake_hash = link, handshake_hash
        self.prk = hmac.digest(handshake_hash, chaining_key, "sha256")  # HKDF-Extract
        self.link_secret = expand(self.prk, "rendr 1 link secret")
        self.attach_auth = expand(self.link_secret, "rendr 1 attach auth")

    def path_keys(self, path, transcript):
        """Those of the directions to the acceptor and to the dialer."""
        context = u64(path) + transcript + self.handshake_hash
        return tuple(expand(self.link_secret, f"rendr 1 path to {end}", context) for end in ("acceptor", "dialer"))


def proof_bytes(kind, link, path, leaf, guard, dialer, acceptor, dialer_fresh=ZERO16, acceptor_fresh=ZERO16,
                incarnation=0, binding=b""):
    """All that a proof covers: its MAC is over these bytes, the transcript is their hash."""
    label = PROOF_LABELS[kind]
    return (bytes([len(label)]) + label + link + u64(incarnation) + u64(path) + u64(leaf) + u64(guard) + dialer
            + acceptor + dialer_fresh + acceptor_fresh + u64(len(binding)) + binding)


def proof(attach_auth, covered):
    return hmac.digest(attach_auth, covered, "sha256")


class RecordKey:
    """One direction of a path in one key phase."""

    def __init__(self, path_key, features):
        key = expand(path_key, "rendr 1 record key")
        self.key = key[:16] if features & AES_128_GCM else key
        self.cipher = AESGCM(self.key) if features & AES_128_GCM else ChaCha20Poly1305(self.key)
        self.iv = expand(path_key, "rendr 1 record iv")[:12]

    def nonce(self, number):
        return bytes(a ^ b for a, b in zip(self.iv, bytes(4) + u64(number)))

    def seal(self, number, head, payload):
        return self.cipher.encrypt(self.nonce(number), payload, head)

    def open(self, number, head, sealed):
        return self.cipher.decrypt(self.nonce(number), sealed, head)


class Hello:
    """The dialer's side of a first path, up to the keys of the link."""

    def __init__(self, pattern, offer, keys, nonce, ephemeral=None):
        self.pattern, self.offer, self.nonce = pattern, offer, nonce
        self.noise = start_noise(pattern, noise_prologue(nonce, offer, pattern), keys, ephemeral)
        self.symmetric = self.noise.noise_protocol.handshake_state.symmetric_state
        self.message = bytes(self.noise.write_message())
        self.ephemeral = self.message[:32]

    def accept(self, ack_noise):
        """Takes the Noise message of a HELLO_ACK; returns its payload, the features and the keys of the link."""
        payload = AckPayload(self.noise.read_message(ack_noise))
        link = link_id(self.nonce, self.ephemeral, ack_noise[:32])
        keys = LinkKeys(link, self.symmetric.ck, bytes(self.symmetric.get_handshake_hash()))
        return payload, self.offer.features_with(payload.acceptor), keys
