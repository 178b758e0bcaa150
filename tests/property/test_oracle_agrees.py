"""The service's fold and the chaos checker's oracle, written apart, tell the same history."""

import random
from datetime import UTC, datetime

import pytest

from app.domain.changes import Change
from app.domain.contact import Contact
from app.domain.decide import decide
from app.domain.interaction import Address, Interaction
from app.domain.rules import Rules
from app.models import load_rules
from tests.failure.histories import Standing, expected_history
from tests.failure.journeys import journey
from tests.failure.oracle import fold
from tests.failure.past import Event
from tests.failure.plain_model import MODELS_DIR, PLAIN, PLAIN_HELD

NOW = datetime(2026, 3, 2, tzinfo=UTC)
NOW_US = round(NOW.timestamp()) * 1_000_000
CONTACTS_PER_SEED = 200


@pytest.mark.parametrize(("seed", "model"), [(0, PLAIN), (1, PLAIN), (2, PLAIN), (3, PLAIN_HELD)])
def test_any_log_in_any_order_of_arrival_has_the_oracles_history(seed: int, model: str) -> None:
    rng, rules = random.Random(seed), load_rules(model, MODELS_DIR)
    for number in range(CONTACTS_PER_SEED):
        contact_id = "info@firm.example" if number % 97 == 0 else f"c-{number}"
        events = _log(rng, contact_id)
        stored = _Stored(contact_id, rules)
        told: list[Change] = []
        arrivals = _arrivals(rng, events)
        while arrivals:
            size = rng.choice([1, 2, 10, 100])
            told += stored.batch(arrivals[:size], is_forgotten=rng.random() < 0.5)
            del arrivals[:size]
        folded = fold(events, is_held=model == PLAIN_HELD)
        assert _replayed(told) == expected_history(folded), (seed, number, events)
        assert stored.contact.stage == folded.stage
        assert [change.seq for change in told] == list(range(1, len(told) + 1))
        assert not told or told[-1].view.stage == folded.stage
        ids = [(change.kind, change.transition_id, change.revision) for change in told]
        assert len(set(ids)) == len(ids)


class _Stored:
    """A contact that is written to its row after every batch, as the apply does."""

    def __init__(self, contact_id: str, rules: Rules) -> None:
        self._rules = rules
        self.contact = Contact.new("default", contact_id)
        self._log = b""
        self._chunks: dict[int, bytes] = {}
        self._batch_seq = 0

    def batch(self, events: list[Event], is_forgotten: bool) -> list[Change]:
        """Decide and store; `is_forgotten`: the cache evicts it before the next batch."""
        self._batch_seq += 1
        told: list[Change] = []
        for ordinal, event in enumerate(events):
            interaction = _interaction(event)
            if self.contact.needs_sealed(interaction):
                self.contact.load_sealed([self._chunks[n] for n in sorted(self._chunks)])
            address = Address(self._batch_seq, ordinal)
            told += decide(
                self.contact, interaction, address, self._rules, NOW_US + ordinal
            ).changes
        taken = self.contact.take_change()
        if taken is not None:
            change, chunks = taken
            self._log = change.log_head + self._log[: change.log_keep] + change.log_tail
            self._chunks |= {chunk.chunk: chunk.body for chunk in chunks}
            if is_forgotten:
                self.contact = Contact.stored(
                    change.tenant,
                    change.contact_id,
                    change.expected_version + 1,
                    change.stage,
                    change.seq,
                    change.state,
                    self._log,
                )
        return told


def _log(rng: random.Random, contact_id: str) -> list[Event]:
    steps = journey(rng, rng.choice([5, 20, 80]), NOW)
    return [
        Event(
            "default",
            contact_id,
            rng.choice(["/a", "/b"]),
            f"e-{number}",
            step.type,
            round(step.time.timestamp() * 1_000_000),
            step.data,
            step.is_automated,
        )
        for number, step in enumerate(steps)
    ]


def _arrivals(rng: random.Random, events: list[Event]) -> list[Event]:
    """Nearly in order, backwards or shuffled; some arrive twice."""
    arrivals = list(events)
    match rng.randrange(4):
        case 0:
            rng.shuffle(arrivals)
        case 1:
            arrivals.reverse()
        case 2:
            for _ in range(3):
                arrivals.insert(rng.randrange(len(arrivals)), arrivals.pop())
    for event in rng.sample(arrivals, len(arrivals) // 8):
        arrivals.insert(arrivals.index(event) + rng.randint(1, 5), event)
    return arrivals


def _interaction(event: Event) -> Interaction:
    return Interaction(
        tenant=event.tenant,
        contact_id=event.contact_id,
        source=event.source,
        id=event.id,
        type=event.type,
        time=event.time,
        arrived_at=NOW_US,
        data=event.data,
        automated=event.automated,
    )


def _replayed(changes: list[Change]) -> list[Standing]:
    """What a reader of the stage-changes topic believes in the end."""
    standing: dict[str, Standing] = {}
    for change in changes:
        if change.kind == "revoked":
            del standing[change.revokes or change.transition_id]
        else:
            assert (change.kind == "changed") == (change.transition_id not in standing)
            standing[change.transition_id] = Standing(
                change.effective_at,
                change.cause.event_id,
                change.transition,
                change.from_stage,
                change.to_stage,
                change.cycle,
            )
    return sorted(standing.values())
