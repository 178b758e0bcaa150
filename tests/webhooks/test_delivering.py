"""What receivers get, on a real Kafka and PostgreSQL, verified by Standard Webhooks' library."""

import json
import time

import pytest
from aiohttp import web
from standardwebhooks import WebhookVerificationError

from app.domain.topics import Topic
from app.outbound.headers import EventType
from tests.webhooks.conftest import Hooks, until
from tests.webhooks.receiver import Receiver


async def test_an_event_arrives_signed_as_a_structured_cloudevent(
    hooks: Hooks, receiver: Receiver
) -> None:
    webhook_id, secret = await hooks.subscribe(receiver)
    async with hooks.running():
        event_id = await hooks.publish("crm-7")
        (received,) = await receiver.got(1)
    event = received.verified(secret)
    assert (received.id, event["id"]) == (event_id, event_id)
    assert received.headers["content-type"] == "application/cloudevents+json"
    assert (event["specversion"], event["source"]) == ("1.0", "/funnel")
    assert (event["type"], event["subject"]) == (EventType.BECAME_OPPORTUNITY, "crm-7")
    assert (event["tenantid"], event["data"]["seq"]) == (hooks.tenant, 1)
    assert await hooks.states(webhook_id) == [("delivered", None)]
    assert b'webhook_deliveries_total{outcome="delivered"} 1' in hooks.metrics.exposition()


async def test_what_is_delivered_keeps_no_body_and_nobodys_key(
    hooks: Hooks, receiver: Receiver
) -> None:
    await hooks.subscribe(receiver)
    async with hooks.running():
        await hooks.publish("crm-secret")
        await hooks.all_delivered(1)
    (row,) = await hooks.database.fetch("SELECT * FROM delivery")
    assert (row["body"], row["subject_digest"], row["contact_digests"]) == (None, None, None)
    assert "crm-secret" not in str(dict(row))


async def test_secrets_are_sealed_in_the_database(hooks: Hooks, receiver: Receiver) -> None:
    _, secret = await hooks.subscribe(receiver)
    stored = await hooks.database.fetchval("SELECT secret FROM webhook")
    assert stored[:1] == b"\x01"
    assert secret.encode() not in stored


async def test_after_a_rotation_both_secrets_verify_and_then_the_new_one_only(
    hooks: Hooks, receiver: Receiver
) -> None:
    webhook_id, old = await hooks.subscribe(receiver)
    async with hooks.running(), hooks.api() as api:
        answer = await api.post(f"/{webhook_id}/rotate-secret")
        new = answer.json()["secret"]
        assert new != old
        await hooks.publish()
        first, *_ = await receiver.got(1)
        assert first.verified(old) == first.verified(new)
        await hooks.database.execute("UPDATE webhook SET previous_until = now()")
        await hooks.publish()
        second = (await receiver.got(2))[1]
    second.verified(new)
    with pytest.raises(WebhookVerificationError):
        second.verified(old)


async def test_types_and_filters_choose(hooks: Hooks, receiver: Receiver) -> None:
    types = [EventType.BECAME_OPPORTUNITY, EventType.STAGE_CHANGED]
    await hooks.subscribe(receiver, types=types, filters={"owner_team": ["sales"], "stage": ["x"]})
    async with hooks.running():
        await hooks.publish(stage="x", type_=EventType.HANDOFF_REQUESTED)
        await hooks.publish(stage="y")
        await hooks.publish(stage="x", owner_team="marketing")
        await hooks.publish(stage="x", owner_team=None)
        wanted = [
            await hooks.publish(stage="x"),
            await hooks.publish(
                stage="x", type_=EventType.STAGE_CHANGED, topic=Topic.STAGE_CHANGES
            ),
        ]
        await receiver.got(2)
        await hooks.all_delivered(2)
    assert sorted(receiver.ids) == sorted(wanted)


async def test_a_contacts_events_of_a_topic_come_in_order(hooks: Hooks, receiver: Receiver) -> None:
    await hooks.subscribe(receiver)
    async with hooks.running():
        sent = [await hooks.publish("crm-1") for _ in range(20)]
        await receiver.got(20)
    assert receiver.ids == sent


async def test_what_fails_is_tried_again_with_the_same_id(hooks: Hooks, receiver: Receiver) -> None:
    webhook_id, secret = await hooks.subscribe(receiver)
    receiver.answer = lambda _: web.Response(status=200 if len(receiver.ids) > 2 else 500)
    async with hooks.running():
        event_id = await hooks.publish()
        await hooks.all_delivered(1)
    assert receiver.ids == [event_id] * 3
    for received in receiver.received:
        received.verified(secret)
    assert await hooks.states(webhook_id) == [("delivered", None)]
    assert await hooks.database.fetchval("SELECT failing_since FROM webhook") is None


async def test_at_the_end_of_the_schedule_it_is_dead_and_can_be_delivered_again(
    hooks: Hooks, receiver: Receiver
) -> None:
    webhook_id, secret = await hooks.subscribe(receiver)
    receiver.answer = lambda _: web.Response(status=500)
    async with hooks.running(), hooks.api() as api:
        event_id = await hooks.publish("crm-9")
        await receiver.got(4)
        await until(lambda: _is_dead(hooks))
        (dead,) = (await api.get(f"/{webhook_id}/deliveries?state=dead")).json()["items"]
        assert (dead["event_id"], dead["attempts"], dead["status"]) == (event_id, 4, 500)
        assert dead["failure"] == "status"
        receiver.answer = lambda _: web.Response()
        answer = await api.post(f"/{webhook_id}/deliveries/{dead['id']}/redeliver")
        assert (answer.status_code, answer.json()["state"]) == (202, "pending")
        await hooks.all_delivered(1)
    assert receiver.ids == [event_id] * 5
    first, last = receiver.received[0], receiver.received[-1]
    assert first.body == last.body
    last.verified(secret)


async def _is_dead(hooks: Hooks) -> bool:
    return bool(await hooks.database.fetchval("SELECT count(*) FROM delivery WHERE state = 'dead'"))


async def test_retry_after_is_honoured_and_pauses_the_webhook(
    hooks: Hooks, receiver: Receiver
) -> None:
    await hooks.subscribe(receiver)
    receiver.answer = lambda _: web.Response(status=503, headers={"retry-after": "3600"})
    async with hooks.running():
        await hooks.publish("crm-1")
        await until(lambda: _tried(hooks))
        await hooks.publish("crm-2")
        await until(lambda: _pending(hooks, 2))
        due = await hooks.database.fetchval(
            "SELECT due_at - now() FROM delivery WHERE tried_at IS NOT NULL"
        )
        paused = await hooks.database.fetchval("SELECT paused_until - now() FROM webhook")
        assert 3500 < due.total_seconds() <= 3600
        assert 3500 < paused.total_seconds() <= 3600
        receiver.answer = lambda _: web.Response()
        await hooks.database.execute("UPDATE webhook SET paused_until = now()")
        await receiver.got(2)
    assert len(receiver.ids) == 2


async def _tried(hooks: Hooks) -> bool:
    return bool(
        await hooks.database.fetchval("SELECT count(*) FROM delivery WHERE tried_at IS NOT NULL")
    )


async def _pending(hooks: Hooks, count: int) -> bool:
    query = "SELECT count(*) FROM delivery WHERE state = 'pending'"
    return bool(await hooks.database.fetchval(query) == count)


async def test_410_disables_the_webhook(hooks: Hooks, receiver: Receiver) -> None:
    webhook_id, _ = await hooks.subscribe(receiver)
    receiver.answer = lambda _: web.Response(status=410)
    async with hooks.running(), hooks.api() as api:
        await hooks.publish()
        await until(lambda: _is_dead(hooks))
        found = (await api.get(f"/{webhook_id}")).json()
        assert (found["is_enabled"], found["disabled_reason"]) == (False, "gone")
        assert (await api.post(f"/{webhook_id}/test")).status_code == 409
        answer = await api.patch(f"/{webhook_id}", json={"is_enabled": True})
        assert (answer.json()["is_enabled"], answer.json()["disabled_reason"]) == (True, None)
    assert await hooks.states(webhook_id) == [("dead", "gone")]
    assert len(receiver.ids) == 1


async def test_redirects_are_not_followed(hooks: Hooks, receiver: Receiver) -> None:
    webhook_id, _ = await hooks.subscribe(receiver)
    elsewhere = Receiver()
    await elsewhere.start()
    receiver.answer = lambda _: web.Response(status=307, headers={"location": elsewhere.url})
    async with hooks.running():
        await hooks.publish()
        await until(lambda: _is_dead(hooks))
    await elsewhere.stop()
    assert elsewhere.ids == []
    assert await hooks.states(webhook_id) == [("dead", "status")]


async def test_an_address_that_is_not_allowed_is_not_connected_to(
    hooks: Hooks, receiver: Receiver
) -> None:
    webhook_id, _ = await hooks.subscribe(receiver)
    url = receiver.url.replace("127.0.0.1", "localhost")
    async with hooks.api() as api:
        assert (await api.patch(f"/{webhook_id}", json={"url": url})).status_code == 200
    async with hooks.running(allow_networks=""):
        await hooks.publish()
        await until(lambda: _is_dead(hooks))
    assert receiver.ids == []
    assert await hooks.states(webhook_id) == [("dead", "address_refused")]


async def test_a_slow_receiver_is_given_up_and_holds_nobody_up(
    hooks: Hooks, receiver: Receiver
) -> None:
    slow = Receiver()
    await slow.start()
    slow.may_answer.clear()
    slow_id, _ = await hooks.subscribe(slow)
    await hooks.subscribe(receiver)
    async with hooks.running(timeout_seconds=0.5, concurrency=4, concurrency_per_webhook=3):
        sent = [await hooks.publish(f"crm-{n}") for n in range(30)]
        await receiver.got(30)
        assert sorted(receiver.ids) == sorted(sent)
        assert slow.most_at_once <= 3
        await until(lambda: _failed(hooks, slow_id))
    await slow.stop()


async def _failed(hooks: Hooks, webhook_id: str) -> bool:
    states = await hooks.states(webhook_id)
    return any(failure == "timeout" for _, failure in states)


async def test_a_test_event_says_that_the_way_is_open(hooks: Hooks, receiver: Receiver) -> None:
    types = [EventType.ERASED]
    webhook_id, secret = await hooks.subscribe(receiver, types=types)
    async with hooks.running(), hooks.api() as api:
        answer = await api.post(f"/{webhook_id}/test")
        assert answer.status_code == 202
        (received,) = await receiver.got(1)
    event = received.verified(secret)
    assert event["type"] == "funnel.webhook.test.v1"
    assert event["id"] == answer.json()["event_id"]


async def test_nothing_of_before_it_was_made_or_of_another_tenant_comes(
    hooks: Hooks, receiver: Receiver
) -> None:
    await hooks.publish(at=time.time() - 5)
    await hooks.subscribe(receiver)
    mine, hooks.tenant = hooks.tenant, "another"
    await hooks.publish()
    hooks.tenant = mine
    new = await hooks.publish()
    async with hooks.running():
        await hooks.all_delivered(1)
    assert receiver.ids == [new]


async def test_what_is_no_event_is_passed_by(hooks: Hooks, receiver: Receiver) -> None:
    await hooks.subscribe(receiver)
    for value in (b"{", b"[]", None, json.dumps({"stage": 7}).encode()):
        await hooks._producer.send_and_wait(Topic.OPPORTUNITIES, value, key=b"x", partition=0)
    async with hooks.running():
        event_id = await hooks.publish()
        await receiver.got(1)
    assert receiver.ids == [event_id]
