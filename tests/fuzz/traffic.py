"""What is there before the fuzzing begins: contacts, accounts, dead letters, a halted partition."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import httpx
from aiokafka import AIOKafkaProducer

from app.contract.files import SCHEMAS
from app.domain.topics import Topic
from tests.failure.rig import until

CONTACTS: Final = 48
DELIVERIES: Final = 3
Values = Mapping[str, Sequence[str | int]]
HALTED: Final[Values] = {"path.lane": ["contacts"], "path.partition": [0]}
"""Where enough poison was."""
BATCH: Final = {"content-type": "application/cloudevents-batch+json"}
ALL: Final = "newsletter.signed_up", "contact.profiled"
STORIES: Final = (
    ("website.visited", "email.opened"),
    ("email.replied", "webinar.attended", "quote.sent"),
    ("demo.requested", "demo.held", "decision_deadline.communicated"),
    ("pricing.requested", "quote.sent", "deal.updated", "deal.won"),
    ("trial.started", "social.question_asked", "content.downloaded", "deal.lost"),
)
SOURCE: Final = "/fuzz"
SETTLED_SECONDS: Final = 60.0


def contact_ids() -> list[str]:
    return [f"fuzz-{n}" for n in range(CONTACTS)]


def account_ids() -> list[str]:
    return [f"account-{n}.example" for n in range(5)]


async def send_traffic(
    api: httpx.AsyncClient, bootstrap_servers: str, *, poison: int, letters: int
) -> Values:
    """Through the API, into its token's tenant; what leads somewhere, by parameter. `poison`: so
    many records on partition 0 that can't be processed. Returns when all of it is read back, and
    `letters` dead letters."""
    answer = await api.post("/v1/interactions", json=list(_events()), headers=BATCH)
    assert answer.json()["refused"] == 0, answer.text
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers) as producer:
        for n in range(poison):
            await producer.send(Topic.INTERACTIONS, json.dumps(_poison(n)).encode(), partition=0)
        await producer.flush()

    async def settled() -> bool:
        return (
            await _count(api, "/v1/contacts") == CONTACTS
            and await _count(api, "/v1/accounts") == len(account_ids())
            and await _count(api, "/v1/dead-letters", source=SOURCE) >= letters
        )

    await until(settled, SETTLED_SECONDS)
    return {"path.contact_id": contact_ids(), "path.account_id": account_ids()}


async def add_deliveries(api: httpx.AsyncClient) -> Values:
    """Of one webhook, whose receiver is nowhere."""
    made = await api.post("/v1/webhooks", json={"url": "https://receiver.example/"})
    webhook_id = made.json()["webhook"]["id"]
    tests = [await api.post(f"/v1/webhooks/{webhook_id}/test") for _ in range(DELIVERIES)]
    return {
        "path.webhook_id": [webhook_id],
        "path.delivery_id": [str(each.json()["id"]) for each in tests],
    }


async def _count(api: httpx.AsyncClient, path: str, **parameters: str) -> int:
    answer = await api.get(path, params={"limit": "500", **parameters})
    return len(answer.json()["items"]) if answer.status_code == 200 else 0


def _poison(n: int) -> dict[str, Any]:
    """What it asks for a demo of is missing."""
    named = {"specversion": "1.0", "id": f"poison-{n}", "source": SOURCE, "subject": "fuzz-poison"}
    return {**named, "type": "demo.requested", "data": {"product_id": n}}


def _events() -> Iterator[dict[str, Any]]:
    for n, contact in enumerate(contact_ids()):
        for type_ in (*ALL, *STORIES[n % len(STORIES)]):
            found = json.loads((SCHEMAS / "examples" / type_ / "valid-1.json").read_text())
            data = found["data"]
            if "email" in data:
                data = {**data, "email": f"someone-{n}@{account_ids()[n % 5]}"}
            yield {
                **{name: found[name] for name in ("specversion", "source", "type")},
                "id": f"{type_}-{n}",
                "subject": contact,
                "data": data,
            }
