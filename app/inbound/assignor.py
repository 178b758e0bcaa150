"""Hands lane partitions out whole and sticky.

aiokafka's own assignors split a lane partition's topics between members when subscriptions differ,
as they do in a rolling upgrade, and move partitions about on every rebalance.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

import msgspec
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import (
    ConsumerProtocolMemberAssignment,
    ConsumerProtocolMemberMetadata,
)

VERSION = 0


def spread(partitions: int, wishes: Mapping[str, Iterable[int]]) -> dict[str, list[int]]:
    """Every partition to exactly one member: counts differ by at most one, as few move as can.

    `wishes`: what each member holds now; of two members that claim a partition the first by name
    keeps it.
    """
    members = sorted(wishes)
    if not members:
        return {}
    least, extra = divmod(partitions, len(members))
    claimed: set[int] = set()
    held: dict[str, list[int]] = {}
    for member in members:
        mine = sorted({p for p in wishes[member] if 0 <= p < partitions} - claimed)
        claimed.update(mine)
        held[member] = mine
    by_size = sorted(members, key=lambda member: (-len(held[member]), member))
    quota = {member: least + (rank < extra) for rank, member in enumerate(by_size)}
    free = sorted(set(range(partitions)) - claimed)
    for member in members:
        free += held[member][quota[member] :]
        del held[member][quota[member] :]
    free.sort()
    for member in members:
        need = quota[member] - len(held[member])
        held[member] = sorted(held[member] + free[:need])
        del free[:need]
    return held


def lane_assignor(
    topics: list[str], held: Callable[[], Iterable[int]]
) -> type[AbstractPartitionAssignor]:
    """An assignor class (the client wants a class) for one consumer; `held`: what it holds now."""

    class LaneAssignor(AbstractPartitionAssignor):  # type: ignore[misc]  # aiokafka is untyped
        name = "funnel-lane"

        @classmethod
        def metadata(cls, subscribed: Iterable[str]) -> ConsumerProtocolMemberMetadata:
            user_data = msgspec.msgpack.encode(sorted(held()))
            return ConsumerProtocolMemberMetadata(VERSION, sorted(subscribed), user_data)

        @classmethod
        def assign(
            cls, cluster: object, members: Mapping[str, ConsumerProtocolMemberMetadata]
        ) -> dict[str, ConsumerProtocolMemberAssignment]:
            # Lane partition p exists where every topic has one; topics of another release's
            # lane are handed out with it, so a rolling upgrade never splits p.
            subscribed = sorted({t for m in members.values() for t in m.subscription} | set(topics))
            counts = [len(cluster.partitions_for_topic(t) or ()) for t in subscribed]  # type: ignore[attr-defined]
            wishes = {member: _decode(data.user_data) for member, data in members.items()}
            plan = spread(max(counts, default=0), wishes)
            assigned: dict[str, ConsumerProtocolMemberAssignment] = {}
            for member, mine in plan.items():
                by_topic: dict[str, list[int]] = defaultdict(list)
                for topic, count in zip(subscribed, counts, strict=True):
                    if topic in members[member].subscription:
                        by_topic[topic] = [p for p in mine if p < count]
                assigned[member] = ConsumerProtocolMemberAssignment(
                    VERSION, sorted(by_topic.items()), b""
                )
            return assigned

        @classmethod
        def on_assignment(cls, assignment: ConsumerProtocolMemberAssignment) -> None:
            """Nothing to keep: what is held is asked for when it is needed."""

    return LaneAssignor


def _decode(user_data: bytes | None) -> list[int]:
    try:
        return msgspec.msgpack.decode(user_data or b"\x90", type=list[int])
    except msgspec.DecodeError:
        return []
