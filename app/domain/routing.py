"""Which partition a contact lives on: the Java client's default partitioner.

Source: org.apache.kafka.common.utils.Utils.murmur2 (seed 0x9747b28c), `toPositive(hash) % n`.
"""

from collections.abc import Callable
from functools import lru_cache
from struct import Struct

DEFAULT_TENANT = "default"


def routing_key(tenant: str, contact_id: str) -> str:
    """``tenant/subject``; for the default tenant the bare subject where that has no slash."""
    if tenant == DEFAULT_TENANT and "/" not in contact_id:
        return contact_id
    return f"{tenant}/{contact_id}"


def identity_of(key: str) -> tuple[str, str]:
    """The inverse of `routing_key`: (tenant, contact_id)."""
    tenant, slash, contact_id = key.partition("/")
    return (tenant, contact_id) if slash else (DEFAULT_TENANT, key)


@lru_cache(maxsize=256)
def _words_of(count: int) -> Callable[[bytes], tuple[int, ...]]:
    """The first so many 32-bit words, in one call: a third of the time of cutting each out."""
    return Struct(f"<{count}I").unpack_from


def murmur2(data: bytes) -> int:
    """32-bit murmur2 as the Java client computes it, unsigned."""
    length = len(data)
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = 0x9747B28C ^ length
    for k in _words_of(length >> 2)(data):
        k = k * m & mask
        h = (h * m & mask) ^ ((k ^ (k >> 24)) * m & mask)
    if length & 3:
        h = (h ^ int.from_bytes(data[length & ~3 :], "little")) * m & mask
    h = (h ^ (h >> 13)) * m & mask
    return h ^ (h >> 15)


@lru_cache(maxsize=50_000)
def home_partition(key: str, partitions: int) -> int:
    """The home partition of a routing key: `murmur2(key) & 0x7fffffff mod partitions`."""
    return (murmur2(key.encode()) & 0x7FFFFFFF) % partitions
