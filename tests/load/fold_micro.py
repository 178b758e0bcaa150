"""CPU of the fold per interaction: ``python -m tests.load.fold_micro``. Best of several rounds."""

import sys
import time
from collections.abc import Callable
from hashlib import blake2b
from uuid import UUID

from app.domain.changes import Verdict
from app.domain.contact import Contact
from app.domain.decide import decide, view
from app.domain.interaction import Address, Interaction
from app.models import load_rules

DAY = 86_400_000_000
START = 1_772_442_000_000_000
CONTACTS = 2_000
ROUNDS = 7
QUIET: list[tuple[str, dict[str, object]]] = [
    ("newsletter.signed_up", {"email": "ada@example.org", "list_id": "l1", "consent": True}),
    ("website.visited", {"page_url": "https://e.example/p", "session_id": "s", "page_kind": "x"}),
    ("content.downloaded", {"content_id": "c1", "content_type": "report"}),
    ("webinar.attended", {"webinar_id": "w", "minutes": 40}),
    ("email.opened", {"message_id": "m1"}),
    ("website.visited", {"page_url": "https://e.example/p", "session_id": "s", "page_kind": "x"}),
    ("content.downloaded", {"content_id": "c2", "content_type": "report"}),
    ("social.engaged", {"network": "n", "handle": "h", "kind": "like"}),
]
JOURNEY: list[tuple[str, dict[str, object]]] = [
    *QUIET[:3],
    ("email.replied", {"message_id": "m1", "is_auto_reply": False}),
    ("qualification.recorded", {"criterion": "industry", "value": "met", "actor": "rep-7"}),
    ("demo.requested", {"product_id": "analytics"}),
    ("meeting.held", {"with": "rep-7", "product_id": "analytics"}),
    ("deal.won", {"deal_id": "d1", "amount": 100, "currency": "EUR"}),
]
RULES = load_rules("b2b-default@1")


def interactions(journey: list[tuple[str, dict[str, object]]]) -> list[list[Interaction]]:
    """Per step of the journey, one interaction of every contact."""
    return [
        [
            Interaction(
                "default",
                f"crm-{contact:06}",
                f"https://{kind.partition('.')[0]}.example/events",
                str(UUID(bytes=blake2b(b"%d %d" % (contact, step), digest_size=16).digest())),
                kind,
                START + step * DAY + contact,
                START + step * DAY + contact + 250_000,
                data,
                channel="web",
            )
            for contact in range(CONTACTS)
        ]
        for step, (kind, data) in enumerate(journey)
    ]


def run(steps: list[list[Interaction]], take: bool) -> tuple[float, int, int]:
    """(µs an interaction, transitions, bytes a contact at the end)."""
    contacts = {f"crm-{n:06}": Contact.new("default", f"crm-{n:06}") for n in range(CONTACTS)}
    changes = 0
    started = time.process_time()
    for number, batch in enumerate(steps):
        for ordinal, each in enumerate(batch):
            contact = contacts[each.contact_id]
            contact.needs_sealed(each)
            decision = decide(contact, each, Address(number, ordinal), RULES, each.time)
            assert decision.verdict is Verdict.APPLIED
            changes += len(decision.changes)
            if take:
                contact.take_change()
    spent = time.process_time() - started
    size = sum(contact.size_bytes for contact in contacts.values()) // CONTACTS
    return spent * 1e6 / (len(steps) * CONTACTS), changes, size


def each(what: Callable[[], object], times: int) -> float:
    started = time.process_time()
    for _ in range(times):
        what()
    return (time.process_time() - started) * 1e6 / times


def main() -> None:
    quiet, journey = interactions(QUIET), interactions(JOURNEY)
    runs = [(run(quiet, take=True), run(journey, take=True)) for _ in range(ROUNDS)]
    calm = min(one for (one, _, _), _ in runs)
    busy = min(one for _, (one, _, _) in runs)
    _, moved, size = runs[0][1]
    n = CONTACTS * len(JOURNEY)
    contact = Contact.new("default", "crm-000000")
    for step in journey:
        decide(contact, step[0], Address(1, 1), RULES, 0)
    seen = min(each(lambda: view(contact, RULES, START + 9 * DAY), 5_000) for _ in range(5))
    late = min(each(lambda: _late(journey, quiet), 200) for _ in range(5))
    sys.stdout.write(
        f"in order, hardly a transition   {calm:6.2f} µs an interaction, its batch of its own\n"
        f"journey, {moved / n:.2f} transitions each {busy:6.2f} µs an interaction\n"
        f"a transition                    {(busy - calm) * n / moved:6.2f} µs more\n"
        f"a view                          {seen:6.2f} µs\n"
        f"8 in order, then one late       {late:6.2f} µs\n"
        f"a cached contact, 8 steps       {size} bytes\n"
    )


def _late(journey: list[list[Interaction]], quiet: list[list[Interaction]]) -> None:
    contact = Contact.new("default", "crm-000000")
    for step in (*journey, quiet[2]):
        decide(contact, step[1], Address(1, 1), RULES, 0)
    contact.take_change()


if __name__ == "__main__":
    main()
