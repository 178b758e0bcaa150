"""Kafka records as the lane sees them, and the seams it is wired through."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import msgspec

from app.domain.account import AccountInput
from app.domain.changes import Change, Command, Signal, View
from app.domain.erasure import Notice
from app.domain.interaction import Interaction, Microseconds
from app.domain.timeline import Mode
from app.errors import Poison

Headers = Sequence[tuple[str, bytes | None]]
OutputHeaders = list[tuple[str, bytes | None]]


class SourceRecord(NamedTuple):
    """One record as fetched. `topic` is the index in the lane's topic order."""

    topic: int
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class OutputRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One record to publish: final bytes, kept in the segment until it is published."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: OutputHeaders
    timestamp_ms: int | None = None
    """None: the time of publishing."""


class Forwarded(msgspec.Struct, frozen=True, gc=False):
    """An off-home record: publish `output`, fold nothing here."""

    output: OutputRecord
    source: str


class Activation(msgspec.Struct, frozen=True, gc=False):
    """`model.activated`: a tenant's contacts of this partition get another model."""

    tenant: str
    command_id: str
    model: str
    """name@version"""
    content_hash: str
    mode: Mode
    active_from: Microseconds
    actor: str


Decoded = Interaction | Forwarded | Activation | Poison


class Decoder(Protocol):
    """Raw record -> interaction, forward, or the reason it can never be processed. Never raises."""

    def __call__(self, record: SourceRecord) -> Decoded: ...


class Encoder(Protocol):
    """Decisions -> output records, without the header `funnel-batch`, which the lane adds."""

    def change(
        self, tenant: str, contact_id: str, partition: int, decided_at: Microseconds, change: Change
    ) -> list[OutputRecord]:
        """On funnel.stage-changes.v1 and, where it says so, on funnel.opportunities.v1."""
        ...

    def signal(
        self, tenant: str, contact_id: str, partition: int, decided_at: Microseconds, signal: Signal
    ) -> OutputRecord:
        """On funnel.signals.v1; a hand-off's on funnel.opportunities.v1."""
        ...

    def command(self, tenant: str, command: Command) -> OutputRecord:
        """On funnel.commands.v1, in the partition of the contact it is for."""
        ...

    def snapshot(
        self,
        tenant: str,
        contact_id: str,
        partition: int,
        at: Microseconds,
        seq: int,
        version: int,
        view: View,
        model: str,
    ) -> OutputRecord:
        """On funnel.contacts.v1. `model`: name@version of the one in force."""
        ...

    def account_input(self, told: AccountInput) -> OutputRecord:
        """On funnel.account-inputs.v1, on the account's home partition."""
        ...

    def erased(
        self, tenant: str, contact_id: str, partition: int, decided_at: Microseconds, notice: Notice
    ) -> list[OutputRecord]:
        """The last record on funnel.stage-changes.v1, and the end of the one on
        funnel.contacts.v1."""
        ...

    def dead_letter(
        self, record: SourceRecord, poison: Poison, failed_at: Microseconds
    ) -> OutputRecord:
        """On the dead letter topic."""
        ...


Clock = Callable[[], Microseconds]
