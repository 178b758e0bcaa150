"""The contact cache: bounded in bytes, and nothing in it that PostgreSQL does not have is lost."""

from app.domain.contact import Contact
from app.handling.cache import OVERHEAD_BYTES, ContactCache, Entry

SIZE_BYTES = Contact.new("default", "c1").size_bytes + OVERHEAD_BYTES


def filled(count: int, max_bytes: int, partition: int = 0) -> ContactCache:
    cache = ContactCache(max_bytes)
    for n in range(count):
        put(cache, n, partition)
    return cache


def put(cache: ContactCache, n: int, partition: int = 0) -> Entry:
    return cache.put(("default", f"c{n}"), Contact.new("default", f"c{n}"), partition)


def held(cache: ContactCache, count: int) -> list[int]:
    return [n for n in range(count) if ("default", f"c{n}") in cache._entries]


def test_it_keeps_what_its_bytes_allow_and_drops_the_least_recently_used() -> None:
    cache = filled(5, max_bytes=3 * SIZE_BYTES)
    cache.evict(applied_batch=0)
    assert held(cache, 5) == [2, 3, 4]
    assert cache.used_bytes == 3 * SIZE_BYTES


def test_a_look_makes_a_contact_recent() -> None:
    cache = filled(3, max_bytes=SIZE_BYTES)
    cache.get(("default", "c0"))
    cache.evict(applied_batch=0)
    assert held(cache, 3) == [0]


def test_a_contact_with_a_change_that_is_not_applied_stays() -> None:
    cache = filled(3, max_bytes=0)
    for n, batch in enumerate((4, 5, 6)):
        entry = cache.get(("default", f"c{n}"))
        assert entry is not None
        entry.batch = batch
    cache.evict(applied_batch=4)
    assert held(cache, 3) == [1, 2]
    assert cache.used_bytes == 2 * SIZE_BYTES
    cache.evict(applied_batch=6)
    assert len(cache) == cache.used_bytes == 0


def test_a_contact_that_grows_counts_with_its_new_size() -> None:
    cache = filled(2, max_bytes=10 * SIZE_BYTES)
    entry = cache.get(("default", "c0"))
    assert entry is not None
    entry.contact = Contact.stored("default", "c0", 1, "lead", 1, b"", b"x" * 1000)
    cache.resize(entry)
    assert cache.used_bytes == 2 * SIZE_BYTES + 1000
    cache.resize(entry)
    assert cache.used_bytes == 2 * SIZE_BYTES + 1000


def test_a_partition_that_is_lost_takes_its_contacts_along() -> None:
    cache = ContactCache(10 * SIZE_BYTES)
    for n in range(4):
        put(cache, n, partition=n % 2)
    cache.forget(1)
    assert held(cache, 4) == [0, 2]
    assert cache.used_bytes == 2 * SIZE_BYTES


def test_an_unknown_contact_is_none() -> None:
    assert filled(1, SIZE_BYTES).get(("default", "c9")) is None
