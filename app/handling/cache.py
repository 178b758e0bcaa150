"""Contacts in memory, bounded in bytes, never evicted while a change of theirs is not applied."""

from collections import OrderedDict

from app.domain.contact import Contact
from app.domain.listing import Marks

Key = tuple[str, str]
"""(tenant, contact_id)"""

OVERHEAD_BYTES = 400
"""Python's own cost of an entry: key, list, links."""


class Entry:
    __slots__ = ("batch", "contact", "fit", "marks", "partition", "size_bytes", "stage")

    def __init__(self, contact: Contact, partition: int) -> None:
        self.contact = contact
        self.partition = partition
        self.batch = 0
        """The last batch that changed it."""
        self.stage = contact.stage
        """As counted in the stage counters."""
        self.marks: Marks | None = None
        """Its place in the lists as written; None: not looked at yet."""
        self.fit: int | None = None if contact.version else 0
        """As written there."""
        self.size_bytes = 0


class ContactCache:
    """Least recently used first; `used_bytes` stays at or below `max_bytes` after `evict`."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._entries: OrderedDict[Key, Entry] = OrderedDict()
        self.used_bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Key) -> Entry | None:
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def put(self, key: Key, contact: Contact, partition: int) -> Entry:
        entry = Entry(contact, partition)
        self._entries[key] = entry
        self.resize(entry)
        return entry

    def resize(self, entry: Entry) -> None:
        """Take note of the contact's size after a change."""
        size_bytes = entry.contact.size_bytes + OVERHEAD_BYTES
        self.used_bytes += size_bytes - entry.size_bytes
        entry.size_bytes = size_bytes

    def evict(self, applied_batch: int) -> None:
        """Drop the least recently used whose changes up to `applied_batch` are in PostgreSQL."""
        for _ in range(len(self._entries)):
            if self.used_bytes <= self._max_bytes:
                return
            key, entry = self._entries.popitem(last=False)
            if entry.batch > applied_batch:
                self._entries[key] = entry
            else:
                self.used_bytes -= entry.size_bytes

    def forget(self, partition: int) -> None:
        """Drop every contact of a partition: another owner may have changed them."""
        gone = [key for key, entry in self._entries.items() if entry.partition == partition]
        for key in gone:
            self.used_bytes -= self._entries.pop(key).size_bytes
