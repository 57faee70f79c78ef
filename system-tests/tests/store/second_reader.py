#!/usr/bin/python3
"""A second reader of the private store, written from docs/store-format.md and from nothing else.

It shares no line with the store itself, so that a mistake made twice is the only one that can hide:
given a store, its seal and a secret, it checks keys, seal, root, tree and pages and prints what is
in the store, one JSON object a line, in the order of paths. It never writes to either.

Names are bytes; what is not UTF-8 in them becomes lone surrogates (Python's surrogateescape).
The end is 0, 1 if something was found to be wrong (one line each on standard error), 2 if the store
cannot be read at all. Debian: python3-cryptography, python3-argon2.
"""

import argparse
import base64
import hashlib
import hmac
import json
import os
import sys
from collections import namedtuple

from argon2.exceptions import HashingError
from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

BLOCK = 4096
NODE = 2 * BLOCK
SEGMENT = 1 << 30
KEY_AREA = 32 * 1024
FIRST_BLOCKS = 32
ROOT_OBJECT = 1
INODE, ENTRY, CONTENT, EXTENT, ATTRIBUTE, SPACE, ORPHAN = 1, 2, 3, 4, 5, 8, 9
KINDS = {4: "directory", 8: "file", 10: "link", 1: "fifo", 2: "character", 6: "block", 12: "socket"}


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


# --- section 4: keys ------------------------------------------------------------------------------

Keys = namedtuple("Keys", "serial seal_key masters slots slot")


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
    slots = [area[64 + 256 * index : 320 + 256 * index] for index in range(16)]
    for index, slot in enumerate(slots):
        if slot[0] != kind:
            continue
        try:
            area_key = ChaCha20Poly1305(slot_key(kind, slot, secret)).decrypt(bytes(12), slot[48:96], None)
        except InvalidTag:
            continue
        nonce, length, tag = area[4160:4172], number(area, 4172, 4), area[4176:4192]
        plain = ChaCha20Poly1305(area_key).decrypt(nonce, area[4192 : 4192 + length] + tag, area[:4176])
        keys = [plain[at : at + 32] for at in range(0, len(plain), 32)]
        return Keys(number(area, 40, 8), keys[0], keys[1:], [describe(s) for s in slots if s[0]], index)
    return None


def key_areas(medium, identity):
    for copy in range(2):
        area = medium.read((2 + 8 * copy) * BLOCK, KEY_AREA)
        if area[:16] == b"cofferdam keys\0\0" and area[24:40] == identity:
            require(number(area, 16, 4) == 1, "the key area is of another version")
            if number(area, 40, 8) % 2 == copy:
                yield area


# --- section 3: the seal, superblocks and the root ------------------------------------------------

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
    opened = []
    for area in areas:
        try:
            opened.append(open_area(area, kind, secret))
        except InvalidTag:
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
    intended = block[292:520] if number(block, 20, 4) & 1 else None
    seal = Seal(block[24:40], number(block, 40, 8), sorted(named), block[64:292], intended)
    return max(opened, key=lambda keys: keys.serial), seal


def superblocks(medium):
    for slot in range(2):
        block = medium.read(slot * BLOCK, BLOCK)
        if block[:16] != b"cofferdam store\0" or hashlib.sha256(block[:4064]).digest() != block[4064:]:
            continue
        require(number(block, 16, 4) == 1, "the store is of another version")
        require(number(block, 40, 8) == 0, "the store has features that this reader does not know")
        yield Superblock(block[24:40], number(block, 40, 8), block[48:276])


Pointer = namedtuple("Pointer", "address birth session tag")


def pointer(data, at=0):
    return Pointer(
        number(data, at, 6), number(data, at + 6, 6), data[at + 12 : at + 24], data[at + 24 : at + 40]
    )


class Store:
    def __init__(self, medium, masters):
        self.medium, self.masters, self.ciphers = medium, masters, {}
        self.used, self.troubles = {}, []

    def trouble(self, text):
        self.troubles.append(text)

    def decrypt(self, session, nonce, data, tag, associated):
        if session not in self.ciphers:
            generation, cipher = number(session, 0, 2), session[2]
            if generation >= len(self.masters) or cipher not in (1, 2):
                raise InvalidTag
            key = hkdf(session, self.masters[generation], b"cofferdam store 1 session")
            self.ciphers[session] = (AESGCM if cipher == 1 else ChaCha20Poly1305)(key)
        return self.ciphers[session].decrypt(nonce, data + tag, associated)

    def block(self, p, size, associated):
        nonce = little(p.birth, 6) + little(p.address, 6)
        return self.decrypt(p.session, nonce, self.medium.read(p.address * BLOCK, size), p.tag, associated)

    def use(self, address, count, what):
        for block in range(address, address + count):
            if block < FIRST_BLOCKS or block in self.used:
                self.trouble(f"block {block} belongs to {what} and to {self.used.get(block, 'the store')}")
            self.used[block] = what

    # --- the root

    def unseal(self, sealed, identity, features):
        commit, session, tag = number(sealed, 0, 8), sealed[8:20], sealed[20:36]
        nonce = little(commit & (1 << 48) - 1, 6) + b"\xff" * 6
        associated = b"root" + little(1, 4) + identity + little(features, 8)
        root = self.decrypt(session, nonce, sealed[36:], tag, associated)
        require(number(root, 0, 8) == commit, "the root is of another commit than it says")
        return root

    def whole(self, p, level, commit):
        """Whether every block that was born in this commit decrypts."""
        if p.birth != commit:
            return True
        try:
            for key, value in self.entries(p, level):
                if level > 0:
                    if not self.whole(pointer(value), level - 1, commit):
                        return False
                elif key[8] == EXTENT:
                    extent = Extent(value)
                    if extent.written and extent.birth == commit:
                        for page in range(extent.pages):
                            self.page(key_object(key), key_position(key), extent, page)
        except InvalidTag:
            return False
        return True

    def choose(self, seal, features):
        for name, sealed in (("intended", seal.intended), ("current", seal.current)):
            if sealed is None:
                continue
            try:
                root = self.unseal(sealed, seal.identity, features)
            except InvalidTag:
                continue
            if name == "current" or self.whole(pointer(root, 8), root[48], number(root, 0, 8)):
                return name, root
        raise Unreadable("neither of the seal's roots is in this store")

    # --- section 5: nodes

    def entries(self, p, level):
        node = self.block(p, NODE, b"node" + bytes([level]))
        count, values = number(node, 2, 2), number(node, 4, 2)
        if node[0] != level or 8 + 21 * count > values or values > NODE:
            raise Unreadable(f"the node at block {p.address} makes no sense")
        before = None
        for at in range(8, 8 + 21 * count, 21):
            key, where, length = node[at : at + 17], number(node, at + 17, 2), number(node, at + 19, 2)
            if where < values or where + length > NODE or (before is not None and key <= before):
                raise Unreadable(f"the node at block {p.address} has entries that make no sense")
            before = key
            yield key, node[where : where + length]

    def walk(self, p, level, low=None, high=None):
        """Every item below a node; `low` and `high` bound its keys."""
        self.use(p.address, 2, f"a node of level {level}")
        entries = list(self.entries(p, level))
        for index, (key, value) in enumerate(entries):
            # The first key of an inner node counts as the smallest of all.
            if not (level and index == 0) and ((low and key < low) or (high and key >= high)):
                self.trouble(f"the node at block {p.address} holds a key of another one")
            if level == 0:
                yield key, value
                continue
            above = entries[index + 1][0] if index + 1 < len(entries) else high
            yield from self.walk(pointer(value), level - 1, key if index else low, above)

    def page(self, owner, first, extent, index):
        p = Pointer(extent.address + index, extent.birth, extent.session, extent.tag(index))
        return self.block(p, BLOCK, b"data" + little(owner, 8) + little(first + index, 8))


class Extent:
    def __init__(self, value):
        self.address, self.birth, self.session = number(value, 0, 6), number(value, 6, 6), value[12:24]
        self.written, self.pages = not number(value, 24, 2) & 1, number(value, 26, 4)
        self.tags = value[30:]
        require(len(self.tags) == (16 * self.pages if self.written else 0), "an extent has other tags than pages")
        require(not self.written or self.pages <= 64, "an extent has more than 64 pages")

    def tag(self, index):
        return self.tags[16 * index : 16 * index + 16]


def key_object(key):
    return int.from_bytes(key[:8], "big")


def key_position(key):
    return int.from_bytes(key[9:], "big")


# --- section 6: items -----------------------------------------------------------------------------


class Tree:
    """All items of a store, by object."""

    def __init__(self, store, root):
        self.store, self.root, self.objects = store, root, {}
        for key, value in store.walk(pointer(root, 8), root[48]):
            items = self.objects.setdefault(key_object(key), {})
            items.setdefault(key[8], {})[key_position(key)] = value

    def names(self, owner):
        """The entries of a directory."""
        for position, value in self.objects[owner].get(ENTRY, {}).items():
            at = 0
            while at < len(value):
                length = value[at + 9]
                name = value[at + 10 : at + 10 + length]
                if len(name) != length or siphash(self.root[112:128], name) != position:
                    self.store.trouble(f"an entry of directory {owner} is not where it belongs")
                yield name, number(value, at, 8), value[at + 8]
                at += 10 + length

    def attributes(self, owner):
        for position, value in self.objects[owner].get(ATTRIBUTE, {}).items():
            at = 0
            while at < len(value):
                name_length, value_length = value[at], number(value, at + 1, 2)
                name = value[at + 3 : at + 3 + name_length]
                if siphash(self.root[112:128], name) != position:
                    self.store.trouble(f"an attribute of object {owner} is not where it belongs")
                yield name, value[at + 3 + name_length : at + 3 + name_length + value_length]
                at += 3 + name_length + value_length

    def contents(self, owner, size):
        """The bytes of a file in parts."""
        items = self.objects[owner]
        if CONTENT in items:
            data = items[CONTENT][0][:size]
            if EXTENT in items:
                self.store.trouble(f"object {owner} has a content item and extents")
            yield data
            yield from zeros(size - len(data))
            return
        at = 0
        for first, value in sorted(items.get(EXTENT, {}).items()):
            extent = Extent(value)
            start = min(first * BLOCK, size)
            if at > first * BLOCK:
                self.store.trouble(f"extents of object {owner} overlap")
            yield from zeros(start - at)
            at = max(at, first * BLOCK)
            if not extent.written:
                end = min((first + extent.pages) * BLOCK, size)
                yield from zeros(end - start)
                at = (first + extent.pages) * BLOCK
                continue
            self.store.use(extent.address, extent.pages, f"object {owner}")
            for index in range(extent.pages):
                try:
                    page = self.store.page(owner, first, extent, index)
                except InvalidTag:
                    self.store.trouble(f"page {first + index} of object {owner} does not decrypt")
                    page = bytes(BLOCK)
                yield page[: max(0, size - at)]
                at += BLOCK
        yield from zeros(size - at)

    def list(self):
        """Each path with what is known of it."""
        waiting, seen, named = [(b"/", ROOT_OBJECT, 4)], set(), {}
        while waiting:
            path, owner, kind = waiting.pop()
            inode = self.objects.get(owner, {}).get(INODE, {}).get(0)
            if inode is None or len(inode) != 128:
                self.store.trouble(f"{path!r} names object {owner}, which has no inode")
                continue
            named.setdefault(owner, []).append(path)
            mode, size = number(inode, 0, 4), number(inode, 16, 8)
            if mode >> 12 != kind:
                self.store.trouble(f"{path!r} is of another kind than its name says")
            line = {
                "path": text(path),
                "object": owner,
                "kind": KINDS.get(mode >> 12, "unknown"),
                "mode": f"{mode & 0o7777:04o}",
                "user": number(inode, 4, 4),
                "group": number(inode, 8, 4),
                "links": number(inode, 12, 4),
                "size": size,
                "blocks": number(inode, 24, 8),
                "device": number(inode, 80, 8),
                "generation": number(inode, 104, 8),
            }
            for index, name in enumerate(("read", "changed", "status_changed", "made")):
                at = 32 + 12 * index
                line[name] = [number(inode, at, 8, signed=True), number(inode, at + 8, 4)]
            attributes = {text(n): base64.b64encode(v).decode() for n, v in self.attributes(owner)}
            if attributes:
                line["attributes"] = dict(sorted(attributes.items()))
            # A second name of a file says the same of it without reading it again.
            if kind == 8 and owner not in seen:
                digest = hashlib.sha256()
                for part in self.contents(owner, size):
                    digest.update(part)
                self.objects[owner]["sha256"] = digest.hexdigest()
            if kind == 8:
                line["sha256"] = self.objects[owner]["sha256"]
            elif kind == 10 and owner not in seen:
                self.objects[owner]["target"] = text(b"".join(self.contents(owner, size)))
            if kind == 10:
                line["target"] = self.objects[owner]["target"]
            if kind == 4:
                if owner in seen:
                    self.store.trouble(f"directory {path!r} has two names")
                    continue
                below = path if path == b"/" else path + b"/"
                waiting += [(below + name, of, kind_of) for name, of, kind_of in self.names(owner)]
            seen.add(owner)
            yield path, line
        self.check_links(named)

    def check_links(self, named):
        for owner, paths in named.items():
            inode = self.objects[owner][INODE][0]
            wanted = len(paths)
            if number(inode, 0, 4) >> 12 == 4:
                wanted = 2 + sum(kind == 4 for _, _, kind in self.names(owner))
            if number(inode, 12, 4) != wanted:
                self.store.trouble(f"{paths[0]!r} says {number(inode, 12, 4)} links and has {wanted}")

    def check_space(self):
        """What the space items say against what was found. Call it when all was listed."""
        listed = {owner for owner, items in self.objects.items() if "listed" in items}
        for orphan in self.objects.get(0, {}).get(ORPHAN, {}):
            if orphan not in listed and INODE in self.objects.get(orphan, {}):
                for _ in self.contents(orphan, number(self.objects[orphan][INODE][0], 16, 8)):
                    pass
        marked = set()
        for region, value in self.objects.get(0, {}).get(SPACE, {}).items():
            bits = b"\xff" * 1024 if value == b"\xff" else value
            if len(bits) != 1024:
                self.store.trouble(f"the map of region {region} has {len(value)} bytes")
            marked.update(8192 * region + i for i in range(8 * len(bits)) if bits[i // 8] >> i % 8 & 1)
        found = set(self.store.used) | set(range(FIRST_BLOCKS))
        for blocks, what in ((found - marked, "in use and marked free"), (marked - found, "marked and not in use")):
            if blocks:
                self.store.trouble(f"{len(blocks)} blocks are {what}, the first is {min(blocks)}")
        if number(self.root, 64, 8) != len(found):
            self.store.trouble(f"the root says {number(self.root, 64, 8)} blocks in use, there are {len(found)}")
        objects = sum(INODE in items for items in self.objects.values())
        if number(self.root, 72, 8) != objects:
            self.store.trouble(f"the root says {number(self.root, 72, 8)} objects, there are {objects}")
        if found and max(found) >= number(self.root, 88, 8):
            self.store.trouble(f"block {max(found)} is in use, beyond the end that the root says")


def zeros(count):
    while count > 0:
        yield bytes(min(count, 1 << 20))
        count -= 1 << 20


def text(name):
    return name.decode("utf-8", "surrogateescape")


def recovery_key(written):
    letters = "".join(written.split()).replace("-", "").upper()
    require(len(letters) == 52, "a recovery key has 52 letters")
    return base64.b32decode(letters + "====")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store", help="a file, a device, or a folder of segments")
    parser.add_argument("--seal", required=True)
    parser.add_argument("--keys-only", action="store_true", help="stop when seal and keys are read, and print them")
    secret = parser.add_mutually_exclusive_group(required=True)
    secret.add_argument("--key-file", help="its first 32 bytes are taken")
    secret.add_argument("--passphrase-file", help="all its bytes are taken")
    secret.add_argument("--recovery-file", help="a recovery key as it is written down")
    return parser.parse_args()


def secret_of(options):
    if options.passphrase_file:
        return 1, open(options.passphrase_file, "rb").read()
    if options.key_file:
        return 2, open(options.key_file, "rb").read(32)
    return 3, recovery_key(open(options.recovery_file, encoding="ascii").read())


def show_keys(keys, seal):
    """Secrets included: this is for the fixed vectors, whose secrets are known to everybody."""
    shown = {
        "identity": seal.identity.hex(),
        "seal_serial": seal.serial,
        "keys_serial": keys.serial,
        "seal_key": keys.seal_key.hex(),
        "master_keys": [key.hex() for key in keys.masters],
        "current": number(seal.current, 0, 8),
        "intended": number(seal.intended, 0, 8) if seal.intended else None,
        "labels": [slot["label"] for slot in keys.slots],
        "slot": keys.slot,
    }
    print(json.dumps(shown))


def read(options):
    medium = Medium(options.store)
    keys, seal = unlock(medium, Medium(options.seal), *secret_of(options))
    supers = list(superblocks(medium))
    require(supers, "this is not a store, or both superblocks are damaged")
    require(all(block.identity == seal.identity for block in supers), "the seal is of another store")
    if options.keys_only:
        show_keys(keys, seal)
        return []
    store = Store(medium, keys.masters)
    try:
        _, root = store.choose(seal, supers[0].features)
        tree = Tree(store, root)
        lines = sorted(tree.list(), key=lambda pair: pair[0])
        for _, line in lines:
            tree.objects[line["object"]]["listed"] = True
            print(json.dumps(line))
        tree.check_space()
    except InvalidTag:
        raise Unreadable("a node of the tree does not decrypt") from None
    return store.troubles


def main():
    try:
        troubles = read(arguments())
    except (Unreadable, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    except (HashingError, IndexError, ValueError) as error:
        print(f"something in the store makes no sense: {error}", file=sys.stderr)
        return 2
    for line in troubles:
        print(line, file=sys.stderr)
    return 1 if troubles else 0


if __name__ == "__main__":
    sys.exit(main())
