"""The auditor: finds every difference made by hand, and none in a busy system."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from app.domain.topics import CONTACT_LANE, Topic
from app.runtime.audit.audit import Auditor, LaneView, Scope
from app.runtime.audit.ends import StableOffsets
from app.runtime.audit.findings import ADVICE, Check, Finding
from app.storage.audit_reads import CONTACTS, be_planned_plainly
from app.storage.connect import connect
from tests.failure.rig import Rig, until
from tests.failure.rig_admin import forget_offsets

EVERYTHING = Scope(None, None)


@pytest.fixture
async def auditor(rig: Rig) -> AsyncIterator[Auditor]:
    connection = await connect(rig.settings.database, application_name="funnel-audit")
    await be_planned_plainly(connection)
    lane = LaneView(
        CONTACT_LANE, rig.partitions, rig.coordinator, rig.name(Topic.STAGE_CHANGES), CONTACTS
    )
    topics = [
        TopicPartition(topic, p)
        for topic in {*rig.inputs, *rig.outputs}
        for p in range(rig.partitions)
    ]
    kafka = rig.settings.kafka.model_copy(update={"transaction_timeout_seconds": 0.5})
    yield Auditor(connection, kafka, [lane], topics)
    await connection.close()


async def worked(rig: Rig) -> None:
    lane = rig.lane(lane={"batch_max_interactions": 5})
    await rig.send_journeys(8)
    await rig.settled()
    await lane.drain()


def checks(findings: list[Finding]) -> set[Check]:
    return {finding.check for finding in findings}


async def test_a_clean_system_shows_nothing_and_says_what_was_looked_at(
    rig: Rig, auditor: Auditor
) -> None:
    await worked(rig)
    assert await auditor.round(EVERYTHING, is_patient=True) == []
    checked = auditor.checked
    changes = await rig.database.fetchval("SELECT count(*) FROM stage_change")
    assert (checked.contacts, checked.stage_changes) == (8, changes)
    assert checked.batches > 4


async def test_a_busy_system_shows_nothing(rig: Rig, auditor: Auditor) -> None:
    """Read while workers write, are killed and take over."""
    lane = rig.lane(lane={"batch_max_interactions": 5})
    rounds, is_over = 0, False

    async def audit() -> None:
        nonlocal rounds
        while not is_over:
            assert await auditor.round(EVERYTHING) == []
            rounds += 1

    auditing = asyncio.create_task(audit())
    for n in range(12):
        await rig.send_journeys(10, first=10 * n)
        if n == 6:
            await lane.kill()
            rig.lane()
        await asyncio.sleep(0.1)
        assert not auditing.done(), auditing.result()
    await rig.settled()
    before = rounds
    await until(lambda: auditing.done() or rounds > before + 1)
    assert not auditing.done(), auditing.result()
    is_over = True
    await auditing
    assert rounds >= 2


MADE_BY_HAND = {
    Check.SEQ_GAP: "DELETE FROM stage_change WHERE seq = 2 AND contact_id = 'c1'",
    Check.NOT_IN_HISTORY: "DELETE FROM stage_change WHERE contact_id = 'c1'",
    Check.DIFFERS: "UPDATE stage_change SET transition_id = gen_random_uuid() WHERE seq = 1",
    Check.COUNTER: "UPDATE counter SET n = n + 1 WHERE stage = 'opportunity'",
    Check.SEGMENT_GAP: "DELETE FROM segment WHERE batch_seq = 2",
    Check.D_BEFORE_K: "UPDATE lane_partition SET batch_seq = batch_seq - 1",
    Check.K_BEFORE_ROW: "UPDATE lane_partition SET published_seq = published_seq + 1",
    Check.OFFSETS_DISAGREE: "UPDATE segment SET next_offsets = '{1,1}' WHERE batch_seq > 2",
}


@pytest.mark.parametrize("check", MADE_BY_HAND)
async def test_a_difference_made_by_hand_is_found(rig: Rig, auditor: Auditor, check: Check) -> None:
    await worked(rig)
    await rig.database.execute(MADE_BY_HAND[check])
    findings = await auditor.round(EVERYTHING)
    assert check in checks(findings)
    for finding in findings:
        assert finding.means
        assert finding.todo


async def test_a_lost_history_row_of_an_added_one_is_a_gap(rig: Rig, auditor: Auditor) -> None:
    await worked(rig)
    await rig.database.execute("UPDATE contact SET seq = seq + 1 WHERE contact_id = 'c2'")
    (finding,) = await auditor.round(EVERYTHING)
    assert (finding.check, finding.contact) == (Check.SEQ_GAP, "c2")


async def test_the_newest_segment_lost_is_a_gap_too(rig: Rig, auditor: Auditor) -> None:
    await worked(rig)
    await rig.database.execute(
        "DELETE FROM segment AS s USING lane_partition AS p"
        " WHERE s.partition = p.partition AND s.batch_seq = p.batch_seq AND p.partition = 0"
    )
    findings = await auditor.round(EVERYTHING)
    assert (Check.SEGMENT_GAP, 0) in {(each.check, each.partition) for each in findings}


async def test_what_was_not_published_is_found(rig: Rig, auditor: Auditor) -> None:
    """A broker that lost an acknowledged record: K says it was published."""
    await worked(rig)
    lane = LaneView(
        CONTACT_LANE, rig.partitions, rig.coordinator, rig.name(Topic.SIGNALS), CONTACTS
    )
    auditor._lanes = [lane]  # a topic on which no stage change is
    findings = await auditor.round(EVERYTHING)
    lost = [each for each in findings if each.check is Check.NOT_PUBLISHED]
    assert len(lost) == await rig.database.fetchval("SELECT count(*) FROM stage_change")


async def test_deleted_offsets_are_found(rig: Rig, auditor: Auditor) -> None:
    await worked(rig)
    await forget_offsets(rig)
    assert checks(await auditor.round(EVERYTHING)) == {Check.NO_OFFSETS}


async def test_a_record_told_twice_is_found(rig: Rig, auditor: Auditor) -> None:
    from tests.failure.rig_reading import read

    await worked(rig)
    topic = rig.name(Topic.STAGE_CHANGES)
    again = (await read(rig, [topic], 0))[0]
    await rig.send_raw(
        again.value, 0, topic=Topic.STAGE_CHANGES, key=again.key, headers=list(again.headers)
    )
    await rig.flush()
    findings = await auditor.round(EVERYTHING)
    assert checks(findings) == {Check.TOLD_TWICE}


async def test_a_hanging_transaction_is_found_once_it_hangs_for_long(
    rig: Rig, auditor: Auditor
) -> None:
    await worked(rig)
    producer = AIOKafkaProducer(
        bootstrap_servers=rig.kafka["bootstrap_servers"],
        transactional_id=f"hanging-{rig.unique}",
        transaction_timeout_ms=60_000,
    )
    await producer.start()
    try:
        await producer.begin_transaction()
        await (await producer.send(rig.name(Topic.SIGNALS), b"x", partition=1))
        (finding,) = await auditor.round(EVERYTHING, is_patient=True)
        assert (finding.check, finding.partition) == (Check.STABLE_OFFSET_STUCK, 1)
        assert rig.name(Topic.SIGNALS) in finding.what
        await producer.abort_transaction()
        await until(lambda: _is_quiet(auditor))
    finally:
        await producer.stop()


async def _is_quiet(auditor: Auditor) -> bool:
    return await auditor.round(EVERYTHING, is_patient=True) == []


def test_an_offset_that_moves_is_not_stuck_and_one_that_stays_is() -> None:
    now = 0.0
    stable = StableOffsets(20.0, lambda: now)
    moving, staying = TopicPartition("t", 0), TopicPartition("t", 1)
    for step in range(10):
        now = step * 10.0
        found = stable.look({moving: step, staying: 5}, {moving: step + 3, staying: 9})
        assert found == ([] if now <= 20 else [(staying, 5, 9)])


def test_every_check_says_what_it_means_and_what_to_do() -> None:
    assert set(ADVICE) == set(Check)
