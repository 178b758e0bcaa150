"""The interaction types of tenants whose model was activated, for the decoder.

What a model no longer has is still decoded while its timeline has it: the decision says by the
effective time which model counts. Of models that know the same type the one in force describes it.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from app.domain.rules import InteractionType, Rules


class Known(NamedTuple):
    """As a single model says it."""

    types: Mapping[str, InteractionType]
    ignores_unknown_types: bool


class KnownTypes:
    """Of all partitions of this process. `by_tenant` is read for every record: those that are not
    in it follow the model that the service was started with."""

    def __init__(self) -> None:
        self.by_tenant: dict[str, Known] = {}
        self._learnt: dict[str, dict[int, Sequence[Rules]]] = {}

    def learn(self, tenant: str, partition: int, models: Sequence[Rules]) -> None:
        """What may decide there: the one in force last, before it what it follows on, first of all
        what is not in force yet."""
        mine = self._learnt.setdefault(tenant, {})
        mine[partition] = models
        types: dict[str, InteractionType] = {}
        ignores = False
        for each in (model for models in mine.values() for model in models):
            types.update(each.types)
            ignores |= each.ignores_unknown_types
        self.by_tenant[tenant] = Known(types, ignores)
