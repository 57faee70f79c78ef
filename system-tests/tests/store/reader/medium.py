"""What a store lies on, and the little arithmetic that every part of the reader needs."""

import os

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

BLOCK = 4096
SEGMENT = 1 << 30


class Unreadable(Exception):
    """The store cannot be read, and why."""


def number(data, at, size, signed=False):
    return int.from_bytes(data[at : at + size], "little", signed=signed)


def little(value, size):
    return value.to_bytes(size, "little")


def hkdf(salt, secret, info):
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(secret)


def require(truth, text):
    if not truth:
        raise Unreadable(text)


def siphash(key, data):
    """SipHash-2-4."""
    mask = (1 << 64) - 1
    k0, k1 = number(key, 0, 8), number(key, 8, 8)
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def rotate(value, bits):
        return (value << bits | value >> (64 - bits)) & mask

    def rounds(count):
        for _ in range(count):
            v[0] = (v[0] + v[1]) & mask
            v[2] = (v[2] + v[3]) & mask
            v[1] = rotate(v[1], 13) ^ v[0]
            v[3] = rotate(v[3], 16) ^ v[2]
            v[0] = rotate(v[0], 32)
            v[2] = (v[2] + v[1]) & mask
            v[0] = (v[0] + v[3]) & mask
            v[1] = rotate(v[1], 17) ^ v[2]
            v[3] = rotate(v[3], 21) ^ v[0]
            v[2] = rotate(v[2], 32)

    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) & 255])
    for at in range(0, len(padded), 8):
        word = number(padded, at, 8)
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 255
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


class Medium:
    """A file, a device, or a folder of segments. What was never written reads as zeros."""

    def __init__(self, path):
        self.segments = {}
        if os.path.isdir(path):
            for name in os.listdir(path):
                if name.startswith("segment-") and name[8:].isdigit():
                    self.segments[int(name[8:])] = open(os.path.join(path, name), "rb")
        else:
            self.whole = open(path, "rb")

    def read(self, at, size):
        parts = []
        while size > 0:
            if self.segments:
                file, offset = self.segments.get(at // SEGMENT), at % SEGMENT
                step = min(size, SEGMENT - offset)
            else:
                file, offset, step = getattr(self, "whole", None), at, size
            data = b""
            if file is not None:
                file.seek(offset)
                data = file.read(step)
            parts.append(data + bytes(step - len(data)))
            at, size = at + step, size - step
        return b"".join(parts)
