"""Erasure on the real stack: once, complete, whatever fails, whatever comes after it."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.domain.erasure import ERASURE
from app.domain.identity import LINKED, UNLINKED
from app.domain.topics import Topic
from app.failpoints import Failpoint
from app.handling.records import SourceRecord
from app.handling.traces import is_blank
from app.storage.segments import unpack
from tests.failure.account_rig import AccountRig
from tests.failure.conftest import Arm, Once
from tests.failure.rig import SOURCE, Rig, until
from tests.failure.rig_reading import header, read
from tests.failure.searching import search
from tests.failure.test_identity import at_rest

NAME, MAIL, PHONE = "Ada Lovelace-Byron", "ada.lovelace@analytical.example", "+44 20 7946 0018"
SIGN_UP = {"email": MAIL, "list_id": "l", "consent": True}
REPLY = {"message_id": "m", "is_auto_reply": False}
DEMO = {"product_id": "x"}
PATIENCE = 30.0


class Person:
    """A contact with a life of its own, at home on a partition."""

    def __init__(self, rig: Rig, word: str = "lovelace", partition: int = 0) -> None:
        self.rig = rig
        names = (f"{word}-{n}-key" for n in range(10_000))
        self.key = next(name for name in names if rig.home(name) == partition)
        self.ids: list[str] = []

    @property
    def needles(self) -> tuple[str, ...]:
        return (self.key, NAME, MAIL, PHONE, *self.ids)

    async def does(
        self,
        type_: str,
        data: dict[str, Any],
        *,
        topic: Topic = Topic.INTERACTIONS,
        partition: int | None = None,
        event_id: str | None = None,
        has_key: bool = True,
        **attributes: Any,
    ) -> str:
        event_id = event_id or f"{self.key}/event/{len(self.ids)}"
        self.ids.append(event_id)
        event = {"specversion": "1.0", "id": event_id, "source": SOURCE, "type": type_,
                 "subject": self.key, "data": data, **attributes}  # fmt: skip
        await self.rig.send_raw(
            json.dumps(event).encode(),
            self.rig.home(self.key) if partition is None else partition,
            topic=topic,
            key=self.key.encode() if has_key else None,
        )
        return event_id

    async def lives(self) -> None:
        """Everything that leaves a trace: sealed evidence, an open hand-off, an account, copies,
        records off their home, dead letters here and there, with and without a key."""
        away = 1 - self.rig.home(self.key)
        await self.does("newsletter.signed_up", SIGN_UP)
        await self.does("contact.profiled", {"name": NAME, "email": MAIL, "phone": PHONE})
        for n in range(60):
            await self.does("email.replied", {**REPLY, "message_id": f"{self.key}/mail/{n}"})
        await self.does("email.replied", REPLY, event_id=self.ids[5])
        await self.does("newsletter.signed_up", SIGN_UP, partition=away, has_key=False)
        await self.does("account.linked", {"account_id": "acme.example"}, topic=Topic.COMMANDS)
        await self.does("demo.requested", DEMO, channel=f"{self.key}/web")
        await self.does("demo.requested", {"email": MAIL})
        await self.does("demo.requested", {"email": MAIL}, partition=away)
        broken = f'{{"subject": "{self.key}", "data": {{"email": "{MAIL}"'.encode()
        await self.rig.send_raw(broken, away)
        await self.rig.send_raw(b"{", away, key=self.key.encode())

    async def asks_to_be_forgotten(self, **options: Any) -> None:
        await self.does(ERASURE, {"request_id": "r-7"}, topic=Topic.COMMANDS, **options)
        await self.rig.flush()


@pytest.fixture
async def accounts(rig: Rig) -> AsyncIterator[AccountRig]:
    """The account lane beside the contacts' one, on the same topics and database."""
    made = AccountRig(rig.kafka["bootstrap_servers"], rig.database_url, rig.unique)
    made.kafka = {**rig.kafka, "group_id": f"{rig.kafka['group_id']}-accounts"}
    await rig.create_topics({rig.name(Topic.ACCOUNTS)})
    made._database = rig._database
    yield made
    made._database = None
    await made.close()


async def forgotten(rig: Rig, erasures: int = 1) -> None:
    """So many are erased, and nothing is left to do."""

    async def check() -> bool:
        for lane in rig.lanes:
            if lane.task.done() and not lane.task.cancelled():
                lane.task.result()
        erased = await rig.database.fetchval("SELECT count(*) FROM erased")
        jobs = await rig.database.fetchval("SELECT count(*) FROM erasure_job")
        return bool(erased == erasures and jobs == 0)

    await until(check, PATIENCE)
    await rig.settled()


async def told(rig: Rig, topic: Topic, key: str) -> list[Any]:
    return [each for each in await read(rig, [rig.name(topic)]) if each.key == key.encode()]


async def last_words(rig: Rig, key: str) -> None:
    """The contact's records end as they must: gapless, T18 and the erasure once, a tombstone."""
    changes = await told(rig, Topic.STAGE_CHANGES, key)
    values = [json.loads(each.value) for each in changes]
    assert [each["seq"] for each in values] == list(range(1, len(values) + 1))
    types = [header(each, "ce_type").split(".")[2] for each in changes]
    assert types[-2:] == ["stage_changed", "erased"]
    assert types.count("erased") == 1
    assert [each["transition"] for each in values].count("T18") == 2  # the move and the notice
    assert values[-2]["from_stage"] == (values[-3]["stage"] if values[:-2] else "none")
    assert values[-1]["stage"] == "erased"
    assert values[-1]["request_id"] == "r-7"
    snapshots = await told(rig, Topic.CONTACTS, key)
    assert snapshots[-1].value is None
    assert [each.value for each in snapshots].count(None) == 1


async def test_a_search_of_the_whole_database_finds_nothing(rig: Rig, accounts: AccountRig) -> None:
    lane, account_lane = rig.lane(), accounts.lane()
    await lane.owns(0, 1)
    await account_lane.owns(0, 1)
    person, other = Person(rig), rig.contact_on(0)
    for step in range(4):
        await rig.send(other, step)
    await person.lives()
    await rig.settled()
    await until(lambda: rig.database.fetchval("SELECT count(*) FROM account_member"))
    before = await search(rig.database, person.needles)
    assert {"contact", "contact_log", "stage_change", "segment", "dead_letter"} <= before.keys()
    assert {"account_member", "contact_view", "profile"} <= before.keys()
    assert before["segment"] >= {person.key, NAME, MAIL, PHONE}

    await person.asks_to_be_forgotten()
    await forgotten(rig)
    left = "SELECT count(*) = 0 FROM account_member WHERE contact_id = $1"
    await until(lambda: rig.database.fetchval(left, person.key))
    await forgotten(rig)
    assert await search(rig.database, person.needles) == {}

    await last_words(rig, person.key)
    sales = await told(rig, Topic.OPPORTUNITIES, person.key)
    assert [header(each, "ce_type").split(".")[2] for each in sales] == [
        "became_opportunity", "handoff_requested", "opportunity_closed", "handoff_withdrawn",
    ]  # fmt: skip
    assert json.loads(sales[2].value)["outcome"] == "erased"
    counted = await rig.database.fetch("SELECT stage, sum(n) AS n FROM counter GROUP BY 1")
    assert {row["stage"]: row["n"] for row in counted if row["n"]} == {
        "erased": 1, "opportunity": 1,
    }  # fmt: skip


async def test_others_keep_their_records_where_they_were(rig: Rig) -> None:
    person, other = Person(rig), rig.contact_on(0)
    for step in range(4):
        await rig.send(other, step)
        await person.does("email.replied", REPLY)
    rig.lane()
    await rig.settled()
    before = await _places(rig)
    await person.asks_to_be_forgotten()
    await forgotten(rig)
    after = await _places(rig)
    assert {place: key for place, key in before.items() if key == other.encode()} == {
        place: key for place, key in after.items() if key is not None
    }
    assert before.keys() <= after.keys()
    assert (await search(rig.database, [other])).keys() >= {"contact", "segment"}


async def _places(rig: Rig) -> dict[tuple[int, int, int], bytes | None]:
    """Where every raw record stands; None for a blank one."""
    rows = await rig.database.fetch("SELECT partition, batch_seq, events FROM segment")
    return {
        (row["partition"], row["batch_seq"], ordinal): None if is_blank(record) else record.key
        for row in rows
        for ordinal, record in enumerate(unpack(row["events"], SourceRecord))
    }


async def test_what_comes_after_it_does_nothing_and_is_counted(rig: Rig) -> None:
    lane = rig.lane()
    person = Person(rig)
    await person.does("newsletter.signed_up", SIGN_UP)
    await person.asks_to_be_forgotten()
    await forgotten(rig)
    outputs = [topic for topic in rig.outputs if topic not in rig.inputs]
    published = len(await read(rig, outputs))
    await lane.drain()
    lane = rig.lane()  # one that remembers nothing
    await lane.owns(0, 1)
    late = 0
    for partition in (0, 1):
        await person.does("demo.requested", DEMO, partition=partition)
        await person.does("demo.requested", DEMO, partition=partition, has_key=False)
        await person.does("demo.requested", {"email": MAIL}, partition=partition)  # invalid
        await rig.send_raw(b"{", partition, key=person.key.encode())
        late += 4
    await person.asks_to_be_forgotten()
    await person.asks_to_be_forgotten(partition=1)
    late += 2
    await rig.settled()
    await until(lambda: lane.counted("interactions_handled_total", outcome="erased") == late)
    assert await search(rig.database, person.needles) == {}
    assert len(await read(rig, outputs)) == published
    (asked, *_) = await read(rig, [rig.inputs[1]])
    assert asked.key == person.key.encode()  # and nothing was forwarded
    assert len(await read(rig, [rig.inputs[1]])) == 3
    await last_words(rig, person.key)


async def test_an_unknown_contact_is_remembered_as_erased(rig: Rig) -> None:
    lane = rig.lane()
    person = Person(rig)
    await person.asks_to_be_forgotten()
    await forgotten(rig)
    await person.does("demo.requested", DEMO)
    await rig.settled()
    assert lane.counted("interactions_handled_total", outcome="erased") == 1
    await last_words(rig, person.key)
    assert await search(rig.database, person.needles) == {}


async def test_one_batch_may_hold_a_whole_life(rig: Rig) -> None:
    """Born, erased and back again, with nothing stored between."""
    person = Person(rig)
    await person.does("newsletter.signed_up", SIGN_UP, topic=Topic.COMMANDS)
    await person.does("demo.requested", DEMO, topic=Topic.COMMANDS)
    await person.asks_to_be_forgotten()
    await person.does("demo.requested", DEMO, topic=Topic.COMMANDS)
    lane = rig.lane()
    await forgotten(rig)
    assert lane.counted("interactions_handled_total", outcome="erased") == 1
    await last_words(rig, person.key)
    assert await search(rig.database, person.needles) == {}


async def test_linked_identities_are_erased_with_it(rig: Rig) -> None:
    rig.lane()
    primary, secondary = Person(rig), Person(rig, "byron", partition=1)
    await primary.does("newsletter.signed_up", SIGN_UP)
    await secondary.does("email.replied", REPLY)
    linked = {"other": primary.key, "evidence": "same mail", "actor": "jo"}
    await secondary.does("identity.linked", linked, topic=Topic.COMMANDS)
    await rig.settled()
    await primary.asks_to_be_forgotten()
    await forgotten(rig, erasures=2)
    await rig.settled()
    assert await search(rig.database, (*primary.needles, *secondary.needles)) == {}
    await last_words(rig, primary.key)
    await last_words(rig, secondary.key)


async def test_an_identity_that_was_linked_once_forgets_the_key(rig: Rig) -> None:
    """And lives on; so do those that it was linked to by way of another."""
    rig.lane()
    words = (("ada", 0), ("byron", 1), ("clare", 0))
    gone, middle, last = (Person(rig, word, partition) for word, partition in words)

    async def says(who: Person, type_: str, other: Person) -> None:
        data = {"other": other.key, "evidence": "same mail", "actor": "jo"}
        await who.does(type_, data, topic=Topic.COMMANDS, event_id=f"{type_} {rig.sent}")
        rig.sent += 1
        await at_rest(rig)

    for n, who in enumerate((gone, middle, last)):
        await who.does("email.replied", REPLY, event_id=f"reply {n}")
    await says(gone, LINKED, middle)
    await says(middle, LINKED, last)
    await says(gone, UNLINKED, middle)
    await says(last, LINKED, gone)
    await says(last, UNLINKED, gone)
    await gone.asks_to_be_forgotten(event_id="forget")
    await forgotten(rig)
    await at_rest(rig)
    assert await search(rig.database, (gone.key, MAIL)) == {}
    rows = await rig.database.fetch("SELECT contact_id, stage FROM contact ORDER BY contact_id")
    assert [tuple(row) for row in rows] == [(middle.key, "none"), (last.key, "prospect")]


async def test_who_is_linked_to_it_later_stays_with_itself(rig: Rig) -> None:
    rig.lane()
    gone, other = Person(rig), Person(rig, "byron", partition=1)
    await gone.asks_to_be_forgotten()
    await other.does("email.replied", REPLY)
    await forgotten(rig)
    linked = {"other": gone.key, "evidence": "same mail", "actor": "jo"}
    await other.does("identity.linked", linked, topic=Topic.COMMANDS)
    await rig.settled()

    await until(lambda: _unlinked(rig))
    await rig.settled()
    rows = await rig.database.fetch("SELECT contact_id, stage FROM contact")
    assert [tuple(row) for row in rows] == [(other.key, "prospect")]
    assert await rig.database.fetchval("SELECT count(*) FROM erased") == 1


async def _unlinked(rig: Rig) -> bool:
    commands = await read(rig, [rig.inputs[1]])
    return any(b'"is_erased":true' in each.value for each in commands)


async def test_nothing_is_blanked_before_it_is_published(rig: Rig) -> None:
    first = rig.lane()
    await first.owns(0, 1)
    person = Person(rig)
    await person.does("demo.requested", DEMO)
    await rig.settled()
    first.may_publish.clear()
    await person.asks_to_be_forgotten()
    await until(lambda: rig.database.fetchval("SELECT count(*) FROM erased"))
    await until(
        lambda: rig.database.fetchval(
            "SELECT min(until_seq) > 0 FROM erasure_job WHERE partition = $1", 0
        )
    )
    assert person.key in (await search(rig.database, [person.key]))["segment"]
    await first.kill()
    rig.lane()
    await forgotten(rig)
    await last_words(rig, person.key)
    assert await search(rig.database, person.needles) == {}


async def test_a_record_on_its_way_home_is_dropped_there_and_blanked_where_it_was(
    rig: Rig,
) -> None:
    """It was forwarded before anybody was erased, and arrives after."""
    lane = rig.lane()
    await lane.owns(0, 1)
    person = Person(rig)
    await person.does("newsletter.signed_up", SIGN_UP)
    await rig.settled()
    lane.may_publish.clear()
    await person.does("demo.requested", DEMO, partition=1)
    await rig.all_applied(1)
    await person.asks_to_be_forgotten()
    await until(lambda: rig.database.fetchval("SELECT count(*) FROM erased"))
    lane.may_publish.set()
    await forgotten(rig)
    assert lane.counted("interactions_handled_total", outcome="forwarded") == 1
    assert lane.counted("interactions_handled_total", outcome="erased") == 1
    assert await search(rig.database, person.needles) == {}
    await last_words(rig, person.key)


POINTS = (
    Failpoint.LOAD_BEFORE_ERASED,
    Failpoint.APPLY_BEFORE_ERASURE,
    Failpoint.APPLY_BEFORE_COMMIT,
    Failpoint.APPLY_AFTER_COMMIT,
    Failpoint.PUBLISH_BEFORE_SEND,
    Failpoint.PUBLISH_BEFORE_COMMIT,
    Failpoint.PUBLISH_AFTER_COMMIT,
)
BLANKING = tuple(point for point in Failpoint if point.startswith("erase."))


async def test_a_fault_at_any_step_repeats_and_leaves_nothing(
    rig: Rig, arm: Arm, armed: Once
) -> None:
    """Each erasure fails once on its way to the topics, and once while it is blanked."""
    lane = rig.lane()
    await lane.owns(0, 1)
    for done, points in enumerate(zip(POINTS, BLANKING, strict=True)):
        person = Person(rig, f"person{done}", partition=done % 2)
        if points[0] is not Failpoint.LOAD_BEFORE_ERASED:  # asked of unknown contacts only
            await person.does("demo.requested", DEMO)
            await person.does("demo.requested", {"email": MAIL})
            await rig.settled()
        for point in points:
            arm(point)
        await person.asks_to_be_forgotten()
        await until(lambda: set(armed.fired[-2:]) == set(points))  # noqa: B023 - awaited here
        await until(lambda: lane.ended("unclean") == 2 * done + 2)  # noqa: B023 - awaited here
        await forgotten(rig, erasures=done + 1)
        await last_words(rig, person.key)
        assert await search(rig.database, person.needles) == {}
