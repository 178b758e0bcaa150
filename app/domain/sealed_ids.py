"""A small filter of sealed identities: no false no, a rare false yes, bounded size.

Up to FINGERPRINTS_MAX identities it is their 3-byte fingerprints in a row (a false yes: about
once in 10,000 looks at 500); past that a Bloom filter of fixed size over the fingerprints.
"""

from typing import Final
from zlib import crc32

WIDTH: Final = 3
FINGERPRINTS_MAX: Final = 512
BLOOM_BYTES: Final = 8_192
_FACTORS: Final = (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F)


def fingerprint_of(source: str, event_id: str) -> bytes:
    return (crc32(f"{source}\0{event_id}".encode()) & 0xFFFFFF).to_bytes(WIDTH, "big")


def may_contain(sealed: bytes, fingerprint: bytes) -> bool:
    if len(sealed) != BLOOM_BYTES:
        return fingerprint in sealed
    return all(sealed[bit >> 3] >> (bit & 7) & 1 for bit in _bits(fingerprint))


def with_added(sealed: bytes, fingerprints: list[bytes]) -> bytes:
    if len(sealed) != BLOOM_BYTES:
        known = {sealed[i : i + WIDTH] for i in range(0, len(sealed), WIDTH)}
        row = sealed + b"".join(sorted(set(fingerprints) - known))
        if len(row) <= FINGERPRINTS_MAX * WIDTH:
            return row
        fingerprints = [row[i : i + WIDTH] for i in range(0, len(row), WIDTH)]
        sealed = bytes(BLOOM_BYTES)
    bloom = bytearray(sealed)
    for fingerprint in fingerprints:
        for bit in _bits(fingerprint):
            bloom[bit >> 3] |= 1 << (bit & 7)
    return bytes(bloom)


def _bits(fingerprint: bytes) -> list[int]:
    number = int.from_bytes(fingerprint, "big") + 1
    return [(number * factor & 0xFFFFFFFF) >> 16 for factor in _FACTORS]
