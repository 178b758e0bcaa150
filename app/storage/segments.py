"""The blobs of a segment: records as one MessagePack array, compressed by the worker.

An interaction's address (batch_seq, ordinal) counts the records of `events` from 0. The first byte
is the format; a release reads all formats it or its predecessor wrote. Not for several threads:
the compressor is one object, since making one costs more than it does.
"""

from collections.abc import Sequence
from typing import Any, Final, TypeVar

import msgspec
import zstandard

Record = TypeVar("Record")

_FORMAT: Final = b"\x01"

_encode = msgspec.msgpack.Encoder().encode
_compress = zstandard.ZstdCompressor(level=1).compress
_decompress = zstandard.ZstdDecompressor().decompress


def pack(records: Sequence[Any]) -> bytes:
    """Records are tuples, NamedTuples or array-like Structs."""
    return _FORMAT + _compress(_encode(records))


def unpack(blob: bytes, record: type[Record]) -> list[Record]:
    """The records that `pack` was given. ValueError: a format this release does not know."""
    return msgspec.msgpack.decode(raw(blob), type=list[record])  # type: ignore[valid-type]


def raw(blob: bytes) -> bytes:
    """Their MessagePack, for a look that needs no decoding. ValueError as of `unpack`."""
    if blob[:1] != _FORMAT:
        raise ValueError(
            f"a segment has format {blob[:1].hex()}, this release reads {_FORMAT.hex()}:"
            " it was written by a newer release"
        )
    return _decompress(memoryview(blob)[1:])
