"""Sections 2, 3 and 5 of the format: what decrypts, which root counts, the nodes of the tree."""

from collections import namedtuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from reader.medium import BLOCK, Unreadable, hkdf, little, number, require

NODE = 2 * BLOCK
FIRST_BLOCKS = 32
EXTENT = 4

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
