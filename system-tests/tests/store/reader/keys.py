"""Sections 3 and 4 of the format: superblocks, the seal and the keys."""

import hashlib
import hmac
import sys
from collections import namedtuple

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from reader.medium import BLOCK, Unreadable, hkdf, number, require

KEY_AREA = 32 * 1024

Keys = namedtuple("Keys", "serial seal_key masters slots slot area_key area")


def slot_key(kind, slot, secret):
    salt = slot[16:48]
    if kind == 1:
        memory, passes, lanes = (number(slot, at, 4) for at in (4, 8, 12))
        return hash_secret_raw(secret, salt, passes, memory, lanes, 32, Type.ID, 0x13)
    return hkdf(salt, secret, b"cofferdam store 1 slot")


def describe(slot):
    kind = {1: "passphrase", 2: "key file", 3: "recovery key"}.get(slot[0], "unknown")
    label = slot[105 : 105 + slot[104]].decode()
    return {"kind": kind, "label": label, "made": number(slot, 96, 8, signed=True)}


def open_area(area, kind, secret):
    """The keys in one copy of the key area, or None if the secret does not open it."""
    slots = slots_of(area)
    for index, slot in enumerate(slots):
        if slot[0] != kind:
            continue
        try:
            area_key = ChaCha20Poly1305(slot_key(kind, slot, secret)).decrypt(bytes(12), slot[48:96], None)
        except InvalidTag:
            continue
        keys = encrypted_part(area, area_key)
        shown = [describe(s) for s in slots if s[0]]
        return Keys(number(area, 40, 8), keys[0], keys[1:], shown, index, area_key, area)
    return None


def encrypted_part(area, area_key):
    nonce, length, tag = area[4160:4172], number(area, 4172, 4), area[4176:4192]
    plain = ChaCha20Poly1305(area_key).decrypt(nonce, area[4192 : 4192 + length] + tag, area[:4176])
    return [plain[at : at + 32] for at in range(0, len(plain), 32)]


def slots_of(area):
    return [area[64 + 256 * index : 320 + 256 * index] for index in range(16)]


def counts(newer, older):
    """Whether a newer copy, of which the secret opens no slot, counts for all that: a change was cut
    short, and the secret is not on the new list. Else that copy is damaged."""
    try:
        encrypted_part(newer, older.area_key)
        return True
    except InvalidTag:
        pass
    if slots_of(older.area)[older.slot] in slots_of(newer):
        return False
    length = number(newer, 4172, 4)
    # The seal key, and then master keys.
    return length % 32 == 0 and length // 32 - 1 > len(older.masters) and 4192 + length <= KEY_AREA


def key_areas(medium, identity):
    for copy in range(2):
        area = medium.read((2 + 8 * copy) * BLOCK, KEY_AREA)
        if area[:16] == b"cofferdam keys\0\0" and area[24:40] == identity:
            require(number(area, 16, 4) == 1, "the key area is of another version")
            if number(area, 40, 8) % 2 == copy:
                yield area


Seal = namedtuple("Seal", "identity serial keys current intended")
Superblock = namedtuple("Superblock", "identity features root")


def seal_slots(seal):
    for index in range(2):
        block = seal.read(index * BLOCK, BLOCK)
        if block[:16] == b"cofferdam seal\0\0":
            require(number(block, 16, 4) == 1, "the seal is of another version")
            if number(block, 40, 8) % 2 == index:
                yield block


def unlock(medium, seal_medium, kind, secret):
    """The seal's word is taken to find the keys, and checked when its key is known."""
    slots = sorted(seal_slots(seal_medium), key=lambda block: -number(block, 40, 8))
    require(slots, "this is not a seal")
    areas = list(key_areas(medium, slots[0][24:40]))
    require(areas, "there are no keys in this store, or those of another one")
    opened, damaged = [], []
    for area in areas:
        try:
            opened.append(open_area(area, kind, secret))
        except InvalidTag:
            damaged.append(area)
            print("a copy of the key area is damaged", file=sys.stderr)
    opened = [keys for keys in opened if keys]
    require(opened, "the secret opens no copy of the keys")
    for block in slots:
        tag = hmac.new(opened[0].seal_key, block[:4064], "sha256").digest()
        if hmac.compare_digest(tag, block[4064:]):
            break
    else:
        raise Unreadable("the seal is damaged, or of another store")
    named = {number(block, 48, 8), number(block, 56, 8)}
    opened = [keys for keys in opened if keys.serial in named]
    require(opened, "the secret opens only an old list of keys")
    keys = max(opened, key=lambda keys: keys.serial)
    for area in areas:
        if keys.serial < number(area, 40, 8) in named and area not in damaged:
            require(not counts(area, keys), "the secret is not on the newest list of keys")
    intended = block[292:520] if number(block, 20, 4) & 1 else None
    seal = Seal(block[24:40], number(block, 40, 8), sorted(named), block[64:292], intended)
    return keys, seal


def superblocks(medium):
    for slot in range(2):
        block = medium.read(slot * BLOCK, BLOCK)
        if block[:16] != b"cofferdam store\0" or hashlib.sha256(block[:4064]).digest() != block[4064:]:
            continue
        require(number(block, 16, 4) == 1, "the store is of another version")
        require(number(block, 40, 8) == 0, "the store has features that this reader does not know")
        yield Superblock(block[24:40], number(block, 40, 8), block[48:276])
