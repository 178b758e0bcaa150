"""A record that can't be processed ends as one dead letter; everything else goes on."""

from collections.abc import Sequence
from typing import Any

import pytest

from app.domain.topics import Topic
from app.errors import RowRejected, RuleError, Unclean
from app.handling import decider
from tests.failure.rig import Rig, until
from tests.failure.rig_reading import expected, header, proven, read, told


async def dead_letters(rig: Rig) -> list[tuple[str, int, int]]:
    """(reason, partition, offset) of each dead letter: the same on the topic and as rows."""
    published = [
        (
            header(record, "__dlq.errors.reason"),
            int(header(record, "__dlq.errors.partition")),
            int(header(record, "__dlq.errors.offset")),
        )
        for record in await read(rig, [rig.name(Topic.DEAD_LETTERS)])
    ]
    rows = await rig.database.fetch(
        "SELECT reason, source_partition, source_offset FROM dead_letter"
    )
    assert sorted(tuple(row) for row in rows) == sorted(published)
    return published


@pytest.fixture
def rule_that_fails(monkeypatch: pytest.MonkeyPatch) -> str:
    """Deciding the interaction of this id changes the contact and then raises RuleError."""
    decide = decider.decide  # type: ignore[attr-defined]

    def failing(contact: Any, interaction: Any, *rest: Any) -> Any:
        made = decide(contact, interaction, *rest)
        if interaction.id == "poison":
            raise RuleError("a guard divided by zero")
        return made

    monkeypatch.setattr(decider, "decide", failing)
    return "poison"


@pytest.mark.parametrize("step", range(4))
async def test_a_rule_that_fails_takes_nothing_else_of_its_contact_along(
    rig: Rig, rule_that_fails: str, step: int
) -> None:
    contact = rig.contact_on(0)
    for n in range(4):
        await rig.send(contact, n, event_id=rule_that_fails if n == step else None)
    await rig.flush()
    rig.lane()
    await rig.settled()
    assert await dead_letters(rig) == [("rule_error", 0, step)]
    want, _ = await expected(rig, without=rule_that_fails)
    assert await told(rig) == want
    assert len(want[contact]) >= 1


async def refuse(rig: Rig, contact: str) -> None:
    await rig.database.execute(
        f"ALTER TABLE contact ADD CONSTRAINT refuse CHECK (contact_id <> '{contact}')"
    )


async def test_a_row_postgresql_refuses_is_one_dead_letter_and_the_rest_goes_on(rig: Rig) -> None:
    await refuse(rig, "c7")
    await rig.send_journeys(16, steps=1)
    lane = rig.lane()
    await rig.settled()
    (dead,) = await dead_letters(rig)
    assert dead[0] == "storage_rejected"
    assert lane.counted("dead_letters_total", reason="storage_rejected") >= 1
    assert await rig.database.fetchval("SELECT count(*) FROM contact") == 15
    assert "c7" not in await told(rig)
    assert len(await told(rig)) == 15
    assert lane.lane._rejected == {}  # forgotten once it is applied
    assert lane.lane._suspects == set()


async def test_several_refused_rows_are_each_found(rig: Rig) -> None:
    await rig.database.execute(
        "ALTER TABLE contact ADD CONSTRAINT refuse CHECK (contact_id NOT IN ('c2', 'c9', 'c10'))"
    )
    await rig.send_journeys(12, steps=1)
    rig.lane()
    await rig.settled()
    assert len(await dead_letters(rig)) == 3
    assert await rig.database.fetchval("SELECT count(*) FROM contact") == 9
    assert len(await told(rig)) == 9


async def test_a_refused_dead_letter_ends_the_lane_instead_of_going_round_for_ever(
    rig: Rig,
) -> None:
    await refuse(rig, "c1")
    await rig.database.execute("ALTER TABLE dead_letter ADD CONSTRAINT none CHECK (false)")
    await rig.send_journeys(2, steps=1)
    lane = rig.lane()
    with pytest.raises(RowRejected):
        await lane.task


async def test_a_row_refused_while_loading_blames_the_batch_that_was_loaded(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.storage import contacts

    load = contacts.load

    async def refusing(connection: Any, keys: Sequence[tuple[int, str, str]]) -> Any:
        if any(contact == "c5" for _, _, contact in keys):
            raise RowRejected("a key that PostgreSQL can't hold")
        return await load(connection, keys)

    monkeypatch.setattr(contacts, "load", refusing)
    await rig.send_journeys(8, steps=1)
    rig.lane()
    await rig.settled()
    assert [reason for reason, _, _ in await dead_letters(rig)] == ["storage_rejected"]
    assert await rig.database.fetchval("SELECT count(*) FROM contact") == 7


async def test_dead_letters_in_a_row_halt_their_partition_and_say_so(rig: Rig) -> None:
    lane = rig.lane(dead_letters={"stop_after_consecutive": 5})
    for _ in range(5):
        await rig.send_raw(b"garbage", 0)
    await rig.flush()
    await until(lambda: lane.owned == [1])
    health = lane.lane.health()
    assert not health.ready
    assert "partition 0: 5 dead letters in a row" in health.reasons[0]
    await rig.send(rig.contact_on(0), 0)
    await rig.send(rig.contact_on(1), 0)
    await rig.applied(1, 1)
    assert (await rig.known_row(0)).next_offsets[0] <= 5


async def test_a_halted_partition_stays_halted_through_rebalances_and_new_incarnations(
    rig: Rig,
) -> None:
    lane = rig.lane(dead_letters={"stop_after_consecutive": 2})
    for _ in range(2):
        await rig.send_raw(b"garbage", 0)
    await rig.flush()
    await until(lambda: lane.owned == [1])
    before = lane.counted("rebalances_total")
    lane.source.rejoin()
    await until(lambda: lane.counted("rebalances_total") > before)
    await until(lambda: lane.owned == [1])
    assert lane.ended("unclean") == 0
    lane.holdings._fail(Unclean("a test"))
    await until(lambda: lane.ended("unclean") == 1)
    await lane.owns(1)
    assert not lane.lane.health().ready
    lane.lane.assigned(frozenset({1}))
    assert lane.lane.health().ready


async def test_poison_among_good_records_takes_its_place_in_the_same_batch(rig: Rig) -> None:
    for n in range(6):
        await rig.send(f"c{n}", 0)
        await rig.send_raw(b"garbage", n % rig.partitions)
    rig.lane()
    await rig.settled()
    assert [reason for reason, _, _ in await dead_letters(rig)] == ["undecodable"] * 6
    assert await proven(rig) >= 6
