"""After a bad deploy: the partition stopped, the dead letters are sent again, and all is as if
nothing had been wrong."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.reasons import Reason
from app.errors import Poison
from app.handling.records import Decoded, SourceRecord
from app.outbound.redriving import Original, Redriving
from app.storage.dead_letter_queries import Wanted
from app.storage.engine import engine
from tests.failure.rig import SOURCE, Rig, until
from tests.failure.rig_reading import proven, read

STOP = {"stop_after_consecutive": 8}
WAITING = Wanted(redriven=False)


def broken(record: SourceRecord) -> Decoded:
    return Poison(Reason.UNDECODABLE, "value: this release can't read it")


def redriving(rig: Rig, database: AsyncEngine) -> Redriving:
    async def send(originals: Sequence[Original]) -> None:
        assert rig._producer is not None
        for each in originals:
            await rig._producer.send_and_wait(
                each.topic, each.value, key=each.key, partition=each.partition,
                headers=each.headers,
            )  # fmt: skip

    return Redriving(database, send, "jo")


async def test_a_bad_deploy_is_mended_without_a_trace(rig: Rig) -> None:
    bad = rig.lane(decode=broken, dead_letters=STOP)
    await bad.owns(0, 1)
    await rig.send_journeys(6)
    await until(lambda: bad.owned == [])
    await bad.drain()
    stopped_after = await rig.database.fetchval("SELECT count(*) FROM dead_letter")
    assert stopped_after > 0
    good = rig.lane(dead_letters=STOP)
    await rig.database.execute("DELETE FROM lane_halt")
    await good.owns(0, 1)
    await rig.settled()

    database = engine(rig.database_url)
    ask = redriving(rig, database)
    planned = await ask.would(WAITING, limit=1000)
    assert planned.redriven == planned.matched == stopped_after
    assert await rig.database.fetchval("SELECT count(*) FROM dead_letter WHERE redriven > 0") == 0
    half = await ask.many(WAITING, limit=2, per_second=1000, max_seconds=60)
    assert (half.redriven, half.remaining) == (2, stopped_after - 2)
    done = await ask.many(WAITING, limit=1000, per_second=1000, max_seconds=60)
    assert (done.redriven, done.remaining) == (stopped_after - 2, 0)
    await rig.settled()
    assert await rig.database.fetchval("SELECT count(*) FROM dead_letter") == stopped_after
    rows = await rig.database.fetch("SELECT redriven, redriven_by FROM dead_letter")
    assert {tuple(row) for row in rows} == {(1, "jo")}
    # twice is safe: what was sent before is a duplicate
    before = good.counted("interactions_handled_total", outcome="duplicate")
    again = await ask.many(Wanted(), limit=1000, per_second=1000, max_seconds=60)
    await rig.settled()
    after = good.counted("interactions_handled_total", outcome="duplicate")
    assert after - before == again.redriven == stopped_after
    assert await rig.database.fetchval("SELECT count(*) FROM contact") == 6
    assert await proven(rig) >= 6
    await database.dispose()


async def test_the_original_is_sent_again_unchanged_with_how_often(rig: Rig) -> None:
    rig.lane()
    headers = [("trace", b"7"), ("__dlq.redriven", b"1"), ("empty", b"")]
    await rig.send_raw(b"\x00garbage", 1, key=b"some key", headers=headers)
    await rig.settled()
    database = engine(rig.database_url)
    for expected in (2, 3):
        await redriving(rig, database).many(WAITING, limit=1, per_second=50, max_seconds=9)
        await rig.settled()
        records = await read(rig, [rig.inputs[0]])
        last = max(records, key=lambda record: record.offset)
        assert (last.partition, last.key, last.value) == (1, b"some key", b"\x00garbage")
        assert list(last.headers) == [
            ("trace", b"7"), ("empty", b""), ("__dlq.redriven", b"%d" % expected),
        ]  # fmt: skip
    assert await rig.database.fetchval("SELECT count(*) FROM dead_letter") == 3
    await database.dispose()


async def test_what_was_too_large_to_keep_is_skipped(rig: Rig) -> None:
    rig.lane()
    await rig.send_raw(b"x" * 700_000, 0)
    await rig.send(rig.contact_on(0))
    await rig.settled()
    database = engine(rig.database_url)
    done = await redriving(rig, database).many(WAITING, limit=5, per_second=50, max_seconds=9)
    assert (done.redriven, done.skipped, done.remaining) == (0, 1, 0)
    await database.dispose()


async def test_dead_letters_are_found_by_what_they_say_of_themselves(rig: Rig) -> None:
    rig.lane()
    known = b'{"specversion":"1.0","id":"e","source":"%s","type":"demo.requested","subject":"c"}'
    await rig.send_raw(known % SOURCE.encode(), 0)
    binary = [("ce_specversion", b"1.0"), ("ce_type", b"no.such"), ("ce_source", b"/shop"),
              ("ce_id", b"e"), ("ce_subject", b"c")]  # fmt: skip
    await rig.send_raw(b"{}", 0, headers=binary)
    await rig.send_raw(b"{", 0)
    await rig.settled()
    rows = await rig.database.fetch("SELECT reason, type, source FROM dead_letter ORDER BY id")
    assert [tuple(row) for row in rows] == [
        ("schema_violation", "demo.requested", SOURCE),
        ("unknown_type", "no.such", "/shop"),
        ("undecodable", None, None),
    ]
