"""Several instances, some of them killed; receivers and Kafka's group away for a while."""

import asyncio
import os
import signal
import subprocess
import sys

from aiohttp import web

from tests.webhooks.conftest import OF_TESTS, Hooks, until
from tests.webhooks.receiver import Receiver

EVENTS = 60


async def test_two_instances_share_and_deliver_each_event_once(
    hooks: Hooks, receiver: Receiver
) -> None:
    await hooks.subscribe(receiver)
    async with hooks.running(2, concurrency_per_webhook=2):
        sent = [await hooks.publish(f"crm-{n}") for n in range(EVENTS)]
        await hooks.all_delivered(EVENTS)
    assert sorted(receiver.ids) == sorted(sent)
    assert not receiver.same_at_once


async def test_a_receiver_that_was_away_gets_everything(hooks: Hooks, receiver: Receiver) -> None:
    await hooks.subscribe(receiver)
    await receiver.stop()
    async with hooks.running(retry_seconds=",".join(["0.2"] * 100)):
        sent = [await hooks.publish(f"crm-{n}") for n in range(20)]
        await until(lambda: _failing(hooks))
        await receiver.start()
        await receiver.got(20)
        await hooks.all_delivered(20)
    assert sorted(receiver.ids) == sorted(sent)
    assert await hooks.database.fetchval("SELECT failing_since FROM webhook") is None


async def _failing(hooks: Hooks) -> bool:
    query = "SELECT count(*) FROM delivery WHERE failure = 'connection'"
    return bool(await hooks.database.fetchval(query))


async def test_what_a_killed_instance_had_claimed_is_delivered_by_another(
    hooks: Hooks, receiver: Receiver
) -> None:
    await hooks.subscribe(receiver)
    receiver.may_answer.clear()
    killed = _start(hooks)
    try:
        sent = [await hooks.publish(f"crm-{n}") for n in range(12)]
        await receiver.got(3)
        killed.send_signal(signal.SIGKILL)
        await asyncio.to_thread(killed.wait)
        receiver.received.clear()
        receiver.may_answer.set()
        async with hooks.running():
            await hooks.all_delivered(12)
    finally:
        killed.kill()
        await asyncio.to_thread(killed.wait)
    assert set(receiver.ids) == set(sent)


async def test_sigterm_drains_and_gives_back_what_is_under_way(
    hooks: Hooks, receiver: Receiver
) -> None:
    """A receiver that hangs does not keep it; the claim is due again at once."""
    await hooks.subscribe(receiver)
    receiver.may_answer.clear()
    stopped = _start(
        hooks, FUNNEL_WEBHOOKS__LEASE_SECONDS="600", FUNNEL_LANE__DRAIN_TIMEOUT_SECONDS="2"
    )
    try:
        await hooks.publish()
        await receiver.got(1)
        stopped.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(stopped.wait, 10) == 0
    finally:
        stopped.kill()
        await asyncio.to_thread(stopped.wait)
    query = "SELECT count(*) FROM delivery WHERE state = 'pending' AND due_at <= now()"
    assert await hooks.database.fetchval(query) == 1


async def test_a_database_that_was_away_is_waited_for(hooks: Hooks, receiver: Receiver) -> None:
    """Its sessions end, with attempts under way: what they came to is not forgotten."""
    await hooks.subscribe(receiver)
    ends = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE application_name LIKE 'funnel-webhooks-%' AND datname = current_database()"
    )
    async with hooks.running() as (role,):
        receiver.may_answer.clear()
        first = await hooks.publish("crm-1")
        await receiver.got(1)
        assert await hooks.database.fetchval(ends) > 0
        receiver.may_answer.set()
        second = await hooks.publish("crm-2")
        await hooks.all_delivered(2)
        await until(lambda: role.health().ready)
    assert set(receiver.ids) == {first, second}


async def test_a_410_of_one_webhook_leaves_the_others(hooks: Hooks, receiver: Receiver) -> None:
    gone = Receiver(lambda _: web.Response(status=410))
    await gone.start()
    await hooks.subscribe(gone)
    await hooks.subscribe(receiver)
    async with hooks.running():
        await hooks.publish("crm-1")
        await hooks.publish("crm-2")
        await receiver.got(2)
    await gone.stop()
    assert await hooks.database.fetchval("SELECT count(*) FROM webhook WHERE is_enabled") == 1


def _start(hooks: Hooks, **environment: str) -> "subprocess.Popen[bytes]":
    """As `funnel webhooks`, a process of its own."""
    settings = hooks.settings()
    given = {
        "FUNNEL_KAFKA__BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers,
        "FUNNEL_KAFKA__GROUP_ID": settings.kafka.group_id,
        "FUNNEL_DATABASE__URL": hooks.url,
        "FUNNEL_WEBHOOKS__TIMEOUT_SECONDS": "1",
        "FUNNEL_WEBHOOKS__LEASE_SECONDS": "2",
        **{f"FUNNEL_WEBHOOKS__{name.upper()}": str(value) for name, value in OF_TESTS.items()},
    }
    command = [sys.executable, "-m", "app.cli.main", "webhooks", "--http-port", "0"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, env={**os.environ, **given, **environment}, **quiet)  # type: ignore[call-overload, no-any-return]  # the same for both
