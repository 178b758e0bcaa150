"""The account lane keeps the engine's promise: each word has its effects once, whatever fails."""

import random
from collections.abc import AsyncIterator

import pytest

from app.domain.account import AccountInput
from app.domain.topics import Topic
from app.failpoints import Failpoint
from app.runtime.embedded.stack import EmbeddedStack
from tests.conftest import execute
from tests.failure.account_rig import AccountRig, words
from tests.failure.conftest import Arm, Once, _dropped, _url
from tests.failure.rig import until
from tests.failure.rig_reading import read

PASSED_BY_ACCOUNTS = (
    Failpoint.LOAD_BEFORE_ACCOUNTS,
    Failpoint.APPLY_AFTER_FENCE,
    Failpoint.APPLY_BEFORE_MERGE,
    Failpoint.APPLY_BEFORE_ACCOUNTS,
    Failpoint.APPLY_BEFORE_COMMIT,
    Failpoint.APPLY_AFTER_COMMIT,
    Failpoint.PUBLISH_BEFORE_SEND,
    Failpoint.PUBLISH_BEFORE_COMMIT,
    Failpoint.PUBLISH_AFTER_COMMIT,
)


@pytest.fixture
async def rig(stack: EmbeddedStack, migrated: str, unique: str) -> AsyncIterator[AccountRig]:
    name = f"rig_{unique}"
    await execute(stack.database_url, f"CREATE DATABASE {name} TEMPLATE {migrated}")
    made = AccountRig(stack.bootstrap_servers, _url(stack, name), unique)
    try:
        await made.open()
        yield made
    finally:
        await made.close()
        await until(lambda: _dropped(stack, name))


@pytest.fixture
def accounts(rig: AccountRig) -> list[str]:
    """One on each partition."""
    return [rig.account_on(partition) for partition in range(rig.partitions)]


async def test_a_fault_in_the_middle_of_work_repeats_and_loses_nothing(
    rig: AccountRig, arm: Arm, armed: Once, accounts: list[str]
) -> None:
    """Every step fails once, each in work of its own."""
    rng, told = random.Random(1), list[AccountInput]()
    lane = rig.lane()
    await lane.owns(0, 1)
    for done, point in enumerate(PASSED_BY_ACCOUNTS):
        arm(point)
        more = words(rng, accounts, 20, first=len(told) + 1)
        told += more
        await rig.tell(*more)
        await until(lambda: armed.fired[-1:] == [point])  # noqa: B023 - awaited here
        await until(lambda: lane.ended("unclean") == done + 1)  # noqa: B023 - awaited here
        await rig.settled()
    assert await rig.proven(told) > len(PASSED_BY_ACCOUNTS)


async def test_a_killed_lane_is_taken_over_with_what_it_had_not_published(
    rig: AccountRig, accounts: list[str]
) -> None:
    rng = random.Random(2)
    told = words(rng, accounts, 30, first=1)
    killed = rig.lane()
    await killed.owns(0, 1)
    killed.may_publish.clear()
    await rig.tell(*told)
    await rig.all_applied()
    assert await read(rig, [rig.name(Topic.ACCOUNTS)]) == []
    await killed.kill()
    successor = rig.lane()
    more = words(rng, accounts, 30, first=31)
    await rig.tell(*more)
    await rig.settled()
    assert await rig.proven(told + more) > 10
    assert successor.counted("fences_total") >= 1


async def test_words_that_come_again_change_nothing(rig: AccountRig, accounts: list[str]) -> None:
    told = words(random.Random(3), accounts, 20, first=1)
    rig.lane()
    await rig.tell(*told, *told)
    await rig.settled()
    await rig.proven(told)


async def test_what_is_no_word_is_a_dead_letter_and_the_others_go_on(
    rig: AccountRig, accounts: list[str]
) -> None:
    rig.lane()
    told = words(random.Random(4), accounts[:1], 3, first=1)
    await rig.send_raw(b"garbage", 0, topic=Topic.ACCOUNT_INPUTS, key=b"k")
    await rig.tell(*told)
    await rig.settled()
    await rig.proven(told)
    (letter,) = await read(rig, [rig.name(Topic.DEAD_LETTERS)])
    assert letter.value == b"garbage"
    row = await rig.database.fetchrow("SELECT lane, topic, reason FROM dead_letter")
    assert row is not None
    assert tuple(row) == ("accounts", rig.name(Topic.ACCOUNT_INPUTS), "undecodable")


async def test_a_word_that_postgresql_refuses_is_found_and_becomes_a_dead_letter(
    rig: AccountRig, accounts: list[str]
) -> None:
    rig.lane()
    told = words(random.Random(5), accounts[:1], 8, first=1)
    await rig.database.execute("ALTER TABLE account_member ADD CHECK (contact_version <> 5)")
    await rig.tell(*told)
    await rig.settled()
    await rig.proven([each for each in told if each.member.contact_version != 5])
    assert await rig.database.fetchval("SELECT reason FROM dead_letter") == "storage_rejected"


async def test_an_account_of_a_newer_release_halts_its_partition_and_says_so(
    rig: AccountRig, accounts: list[str]
) -> None:
    lane = rig.lane()
    told = words(random.Random(6), accounts, 6, first=1)
    await rig.tell(*told)
    await rig.settled()
    await rig.database.execute(
        "UPDATE account SET state = '\\x09'::bytea || substr(state, 2) WHERE partition = 0"
    )
    more = words(random.Random(7), accounts, 6, first=7)
    await rig.tell(*more)
    await until(lambda: any("format 9" in why for why in lane.lane.health().reasons))
    others = [each for each in more if each.account_id == accounts[1]]
    (reached,) = [each.member.contact_version for each in others][-1:]
    await until(
        lambda: rig.database.fetchval(
            "SELECT 1 FROM account_member WHERE partition = 1 AND contact_version = $1", reached
        )
    )
