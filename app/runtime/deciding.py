"""The lane's timelines of models, made again from what is stored."""

from collections.abc import Mapping

from app.domain.interaction import Microseconds
from app.domain.rules import Rules
from app.domain.timeline import Ruling
from app.handling.known_types import KnownTypes
from app.handling.rulings import Rulings
from app.storage.deciding import Deciding


class Timelines:
    """What decides about each tenant's contacts of each partition."""

    def __init__(self, default: Rules, stored: Deciding, rules: Mapping[str, Rules]) -> None:
        """`default`: where nothing was activated. `rules`: by content hash."""
        self.default = default
        self._stored = stored
        self._rules = rules

    def rulings(self, partition: int, as_of: Microseconds, known: KnownTypes) -> Rulings:
        """As the partition's lane had them when it had decided up to `as_of`."""
        rows = self._stored.activated.get(partition, [])
        activated = [(row, self._rules[row.content_hash]) for row in rows]
        return Rulings(partition, self.default, known, activated, as_of)

    def in_force(self, partition: int) -> Mapping[str, Ruling]:
        """By tenant; the others have the default."""
        as_of = self._stored.as_of.get(partition, 0)
        return self.rulings(partition, as_of, KnownTypes()).in_force
