"""Section 6 of the format: files, directories and what else is known, made of the tree's items."""

import hashlib

from cryptography.exceptions import InvalidTag

from reader.blocks import EXTENT, FIRST_BLOCKS, Extent, key_object, key_position, pointer
from reader.medium import BLOCK, number, siphash

ROOT_OBJECT = 1
INODE, ENTRY, CONTENT, ATTRIBUTE, SPACE, ORPHAN = 1, 2, 3, 5, 8, 9
KINDS = {4: "directory", 8: "file", 10: "link", 1: "fifo", 2: "character", 6: "block", 12: "socket"}


class Tree:
    """All items of a store, by object."""

    def __init__(self, store, root):
        self.store, self.root, self.objects = store, root, {}
        for key, value in store.walk(pointer(root, 8), root[48]):
            items = self.objects.setdefault(key_object(key), {})
            items.setdefault(key[8], {})[key_position(key)] = value

    def place(self, name):
        """Where a name's entry belongs."""
        return siphash(self.root[112:128], name) & 0x7FFF_FFFF_FFFF_FF00 or 256

    def names(self, owner):
        """The entries of a directory."""
        for position, value in self.objects[owner].get(ENTRY, {}).items():
            at = 0
            while at < len(value):
                length = value[at + 9]
                name = value[at + 10 : at + 10 + length]
                if len(name) != length or self.place(name) != position:
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
            attributes = {text(n): v.hex() for n, v in self.attributes(owner)}
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
