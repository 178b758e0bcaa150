"""The contacts of a batch: from memory, else loaded; unknown ones begin empty."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import Enum

from app.domain.contact import Contact
from app.domain.erasure import ERASED
from app.domain.interaction import Interaction
from app.domain.model import Rules
from app.domain.timeline import Ruling
from app.errors import Poison
from app.handling.batch import Due, Fetched
from app.handling.cache import ContactCache, Key
from app.handling.partition import OwnedPartition
from app.handling.records import Activation, Forwarded
from app.handling.touched import Touched
from app.storage.rows import StoredContact


class Dropped(Enum):
    """In the place of a record of an erased contact."""

    ERASED = ERASED


Item = Interaction | Forwarded | Activation | Poison | Dropped
"""What a record of a batch has become."""
Load = Callable[[Sequence[tuple[int, str, str]]], Awaitable[list[StoredContact]]]
Brought = list[dict[Key, Touched]]
"""Per partition of the batch, in its order."""
Missing = dict[Key, tuple[int, dict[Key, Touched], Ruling]]
"""What is to be loaded: its partition, where it is wanted, and what decides about it."""


class Bringer:
    def __init__(self, cache: ContactCache, load: Load, rules: Rules) -> None:
        """`rules`: of the contacts for which no other model was activated."""
        self._cache = cache
        self._load = load
        self._rules = rules

    async def bring(
        self,
        fetched: Fetched,
        decoded: Sequence[Sequence[Item]],
    ) -> list[dict[Key, Touched]]:
        """Each partition's contacts: from memory, else loaded; unknown ones begin empty."""
        cache = self._cache
        brought: list[dict[Key, Touched]] = []
        missing: Missing = {}
        for (owned, _), items in zip(fetched, decoded, strict=True):
            touched: dict[Key, Touched] = {}
            in_force, default = self._rulings_of(owned)
            for item in items:
                if type(item) is Interaction:
                    key = (item.tenant, item.contact_id)
                    if key not in touched and key not in missing:
                        entry = cache.get(key)
                        ruling = in_force.get(item.tenant, default)
                        if entry is None:
                            missing[key] = (owned.partition, touched, ruling)
                        else:
                            touched[key] = Touched(entry, ruling)
            brought.append(touched)
        if missing:
            await self._load_missing(missing)
        return brought

    async def bring_due(self, due: Due) -> list[dict[Key, Touched]]:
        brought: list[dict[Key, Touched]] = []
        missing: Missing = {}
        for each in due:
            touched: dict[Key, Touched] = {}
            in_force, default = self._rulings_of(each.owned)
            for row in each.contacts:
                key = (row.tenant, row.contact_id)
                entry = self._cache.get(key)
                ruling = in_force.get(row.tenant, default)
                if entry is None:
                    missing[key] = (each.owned.partition, touched, ruling)
                else:
                    touched[key] = Touched(entry, ruling)
            brought.append(touched)
        if missing:
            await self._load_missing(missing)
        return brought

    async def _load_missing(self, missing: Missing) -> None:
        cache = self._cache
        for row in await self._load([(p, *key) for key, (p, *_) in missing.items()]):
            key = (row.tenant, row.contact_id)
            contact = Contact.stored(
                row.tenant, row.contact_id, row.version, row.stage, row.seq, row.state, row.log
            )
            partition, touched, ruling = missing.pop(key)
            touched[key] = Touched(cache.put(key, contact, partition), ruling)
        for key, (partition, touched, ruling) in missing.items():
            touched[key] = Touched(cache.put(key, Contact.new(*key), partition), ruling)

    def _rulings_of(self, owned: OwnedPartition) -> tuple[Mapping[str, Ruling], Ruling]:
        """What is in force in the partition, by tenant, and for all others."""
        rulings = owned.rulings
        return ({}, self._rules) if rulings is None else (rulings.in_force, rulings.default)
