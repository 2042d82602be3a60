"""Decodes what a commit records as done above its offset: an independent implementation of
the format in include/waybill/progress.h."""

import base64
import binascii
import hashlib
import typing

from .varint import varint

_OWN = 0  # The id of the record's own outcome, in place of that of an attachment


class Undecodable(ValueError):
    pass


class Progress(typing.NamedTuple):
    """done: offsets of complete records; parts: {id: offsets of which only that delivery is
    done}."""

    done: frozenset
    parts: dict

    def has(self, offset, attachment):
        id_ = attachment_id(attachment)
        return offset in self.done or offset in self.parts.get(id_, ())


NOTHING = Progress(frozenset(), {})


def attachment_id(name):
    if name is None:
        return _OWN
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


def decode_metadata(offset, text):
    """Decodes the metadata of a commit of `offset`. Raises Undecodable. Only this function
    knows the format."""
    if not text:
        return NOTHING
    try:
        data = base64.b64decode(text, validate=True)
        if len(data) < 6 or data[:2] != b"W\x01":
            raise Undecodable("not this format")
        wanted = hashlib.sha256(str(offset).encode() + b":" + data[:-4]).digest()[:4]
        if data[-4:] != wanted:
            raise Undecodable("the sum is wrong")
        return _read(offset, data[:-4])
    except (binascii.Error, ValueError, IndexError) as problem:
        raise Undecodable(f"metadata {text[:60]!r} at {offset}: {problem}") from None


def _read(offset, data):
    dispatched, at = varint(data, 2)
    done, at = _set(data, at, offset)
    count, at = varint(data, at)
    ids = [int.from_bytes(data[at + 8 * n : at + 8 * n + 8], "big") for n in range(count)]
    at += 8 * count
    parts = {}
    for id_ in ids:
        parts[id_], at = _set(data, at, offset)
    count, at = varint(data, at)
    for _ in range(4 * count):
        _, at = varint(data, at)
    if at != len(data):
        raise Undecodable("it does not end where it should")
    beyond = [
        one for some in (done, *parts.values()) for one in some if one >= offset + dispatched
    ]
    if beyond:
        raise Undecodable(f"{min(beyond)} is done, and was not dispatched")
    return Progress(done, parts)


def _set(data, at, offset):
    kind = data[at]
    length, at = varint(data, at + 1)
    end = at + length
    if end > len(data):
        raise Undecodable("it is cut off")
    if kind == 0:
        bits = int.from_bytes(data[at:end], "little")
        found = {offset + i for i in range(8 * length) if bits >> i & 1}
    elif kind == 1:
        found, where, inside = set(), offset, False
        while at < end:
            run, at = varint(data, at)
            if inside:
                found.update(range(where, where + run))
            where, inside = where + run, not inside
    else:
        raise Undecodable(f"no set begins with {kind}")
    return frozenset(found), end
