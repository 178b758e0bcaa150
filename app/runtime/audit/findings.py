"""What the auditor may find: a closed catalogue, each with what it means and what to do."""

from enum import StrEnum
from typing import Final, NamedTuple

import msgspec


class Check(StrEnum):
    SEQ_GAP = "seq_gap"
    NOT_PUBLISHED = "not_published"
    NOT_IN_HISTORY = "not_in_history"
    DIFFERS = "differs"
    TOLD_TWICE = "told_twice"
    COUNTER = "counter"
    SEGMENT_GAP = "segment_gap"
    STABLE_OFFSET_STUCK = "stable_offset_stuck"
    D_BEFORE_K = "d_before_k"
    K_BEFORE_ROW = "k_before_row"
    NO_OFFSETS = "no_offsets"
    OFFSETS_DISAGREE = "offsets_disagree"


class Advice(NamedTuple):
    means: str
    todo: str


ADVICE: Final[dict[Check, Advice]] = {
    Check.SEQ_GAP: Advice(
        "the history of a contact is not 1, 2, 3 … up to its row's seq: rows were lost or added",
        "run `funnel replay --contact KEY`; restore the history from a backup (runbook restore)",
    ),
    Check.NOT_PUBLISHED: Advice(
        "a stage change was applied and counted as published, and is not on its topic",
        "readers lack it: look for an unclean broker restart, then `funnel contact republish KEY`",
    ),
    Check.NOT_IN_HISTORY: Advice(
        "a stage change was published, and PostgreSQL has no such row: history was lost",
        "restore a newer backup (runbook restore); after a restore let it catch up first",
    ),
    Check.DIFFERS: Advice(
        "what was published under this seq is another change than the row says",
        "somebody wrote to the table or to the topic: compare both, look at who may write",
    ),
    Check.TOLD_TWICE: Advice(
        "the topic carries a stage change a second time, or a batch after a later one",
        "two owners published: report it with the logs of the workers at that time",
    ),
    Check.COUNTER: Advice(
        "the counter of a stage is not the number of contacts in it: figures are wrong",
        "set it to the number of contacts while no worker runs; find out who wrote the table",
    ),
    Check.SEGMENT_GAP: Advice(
        "batches are missing between others: interactions can't be replayed, outputs not resent",
        "restore the segments from a backup; retention drops whole days only, never the middle",
    ),
    Check.STABLE_OFFSET_STUCK: Advice(
        "a transaction hangs: readers of committed records wait for ever at this offset",
        "runbook restore, part `A hanging transaction`: find it with kafka-transactions, end it",
    ),
    Check.D_BEFORE_K: Advice(
        "Kafka has more published than PostgreSQL knows: the database is an older one",
        "start a worker: it catches up and publishes nothing until then (runbook restore)",
    ),
    Check.K_BEFORE_ROW: Advice(
        "the group's offsets are older than what was published: the broker lost some, or a reset",
        "nothing is published twice while an owner lives; see runbook restore before a restart",
    ),
    Check.NO_OFFSETS: Advice(
        "the group has no committed offsets here though batches were published: deleted",
        "the next takeover finds K on the outputs by itself; find out who deletes offsets",
    ),
    Check.OFFSETS_DISAGREE: Advice(
        "the offsets committed for a batch are not those of its segment",
        "somebody reset the group: delete the group's offsets of this partition, restart a worker",
    ),
}


class Finding(msgspec.Struct, frozen=True, order=True):
    check: Check
    lane: str
    partition: int
    what: str
    contact: str | None = None

    @property
    def means(self) -> str:
        return ADVICE[self.check].means

    @property
    def todo(self) -> str:
        return ADVICE[self.check].todo


class Checked(msgspec.Struct):
    """How much was looked at, so that an audit of nothing is seen."""

    partitions: int = 0
    contacts: int = 0
    accounts: int = 0
    batches: int = 0
    stage_changes: int = 0
    topic_partitions: int = 0
    catching_up: int = 0
