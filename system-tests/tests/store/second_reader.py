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
import json
import sys

sys.dont_write_bytecode = True

from argon2.exceptions import HashingError
from cryptography.exceptions import InvalidTag

from reader.blocks import Store
from reader.items import Tree
from reader.keys import superblocks, unlock
from reader.medium import Medium, Unreadable, number, require


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
