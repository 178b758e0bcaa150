"""Strategies: interactions of one contact, and ways in which they arrive."""

from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace

from app.domain.changes import Change, Signal
from app.domain.contact import Contact
from app.domain.decide import Decision, decide, decide_due
from app.domain.interaction import Address, Interaction, Microseconds
from app.domain.rules import Rules
from app.domain.state import State

HOUR = 3_600_000_000
DAY = 24 * HOUR
START = 1_772_409_600_000_000
END = START + 400 * DAY
"""After all that arrives, and its import has come to rest."""
MOMENTS = st.sampled_from([START + days * DAY + 1 for days in (0, 1, 3, 20, 35, 75, 130, 200)])
"""When somebody looks whether timers are due."""
STAGES = ("lead", "prospect", "opportunity", "customer", "lost", "disqualified", "recycled")
CRITERIA = ("industry", "need", "budget", "authority", "pain", "fit", "can_use")
TERMS = (None, None, "2026-03-20", "2026-05-01")

SHAPES: list[tuple[str, dict[str, tuple[Any, ...]]]] = [
    ("newsletter.signed_up", {"email": ("ada@example.org", "info@example.org")}),
    ("website.visited", {"page_kind": ("pricing", "blog")}),
    ("email.opened", {}),
    ("content.downloaded", {}),
    ("email.link_clicked", {"message_id": ("m", "n"), "url": ("a", "b"),
                            "delivered_at": (None, None, "2026-03-02T00:59:55Z")}),
    ("email.link_clicked", {"message_id": ("m",), "url": ("a", "b")}),
    ("email.replied", {"is_auto_reply": (False, False, True)}),
    ("phone.call_held", {"direction": ("inbound",), "outcome": ("connected", "no_answer")}),
    ("demo.requested", {}),
    ("pricing.requested", {}),
    ("trial.started", {"trial_end": ("2026-03-16", "2026-05-01")}),
    ("decision_deadline.communicated", {"deadline": ("2026-03-10", "2026-07-01")}),
    ("campaign.contacted", {"channel": ("ads",), "campaign_id": ("spring", "autumn")}),
    ("qualification.recorded", {"criterion": CRITERIA, "value": ("met", "not_met", "unknown"),
                                "valid_until": TERMS}),
    ("qualification.recorded", {"criterion": CRITERIA, "value": ("met", "not_met")}),
    ("contact.profiled", {"name": ("Ada",), "company": ("Engines",)}),
    ("handoff.accepted", {"transition_id": ("t",), "actor": ("rep-7",)}),
    ("handoff.rejected", {"transition_id": ("t",), "actor": ("rep-7",), "reason": ("timing",)}),
    ("meeting.held", {}),
    ("quote.sent", {"quote_id": ("q1", "q2"), "valid_until": ("2026-04-01", "2026-09-01")}),
    ("deal.updated", {"deal_id": ("d1", "d2")}),
    ("deal.won", {"deal_id": ("d1", "d2")}),
    ("deal.lost", {"deal_id": ("d1", "d2"), "reason": ("price", "competitor", "no_fit")}),
    ("deal.reopened", {"deal_id": ("d1", "d2")}),
    ("customer.churned", {"reason": ("price",)}),
    ("contact.opted_out", {"scope": ("processing", "marketing")}),
    ("contact.opted_in", {"scope": ("processing", "marketing")}),
    ("contact.disqualified", {"reason": ("spam",)}),
    ("stage.override", {"to_stage": STAGES, "reason": ("r",), "actor": ("rep-7",),
                        "pin_days": (None, 0, 0, 2)}),
    ("owner.assigned", {"user": ("rep-7", "rep-8")}),
]  # fmt: skip


@st.composite
def interactions(draw: st.DrawFn, max_size: int = 14) -> list[Interaction]:
    """Distinct identities; times that tie, cluster and span the terms of the guards."""
    many = draw(st.integers(1, max_size))
    found = []
    for n in range(many):
        kind, shape = draw(st.sampled_from(SHAPES))
        data = {name: draw(st.sampled_from(values)) for name, values in shape.items()}
        hours = draw(st.sampled_from((0, 1, 5, 24, 25, 49, 480, 2_400, 4_500)))
        time = START + hours * HOUR + draw(st.sampled_from((0, 0, 1, 2, 600_000, 1_500_000)))
        found.append(
            Interaction(
                "default",
                "crm-1",
                draw(st.sampled_from(("/a", "/b"))),
                f"e{n}",
                kind,
                time,
                time + n,
                {name: value for name, value in data.items() if value is not None},
                automated=draw(st.integers(0, 9)) == 0,
                channel=draw(st.sampled_from((None, "web"))),
            )
        )
    return found


RETRACTION = "event.retracted"
DELAYS = (1, 1, 1, HOUR, 3 * DAY, 7 * DAY, 8 * DAY, 100 * DAY)


@st.composite
def arrivals(draw: st.DrawFn, max_size: int = 12) -> list[Interaction]:
    """Interactions that came soon, late or with an import, and some that take others back."""
    found = [
        replace(
            each,
            arrived_at=each.time + draw(st.sampled_from(DELAYS)),
            is_backfill=draw(st.integers(0, 6)) == 0,
        )
        for each in draw(interactions(max_size))
    ]
    for n in range(draw(st.sampled_from((0, 0, 1, 2)))):
        found.append(retraction(draw(st.sampled_from(found)), f"r{n}", draw(MOMENTS)))
    return found


def retraction(target: Interaction, event_id: str, time: Microseconds) -> Interaction:
    data = {"event_id": target.id, "event_source": target.source, "reason": "wrong"}
    return Interaction("default", "crm-1", "/a", event_id, RETRACTION, time, time + 1, data)


def in_order(arrived: list[Interaction]) -> list[Interaction]:
    return sorted(arrived, key=lambda each: (each.time, each.source.encode(), each.id.encode()))


class Stored:
    """A contact that is written to its row, and read again, whenever told."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.contact = Contact.new("default", "crm-1")
        self.changes: list[Change] = []
        self.signals: list[Signal] = []
        self._log = b""
        self._chunks: dict[int, bytes] = {}
        self._told = 0

    def tell(self, each: Interaction) -> Decision:
        if self.contact.needs_sealed(each):
            self.contact.load_sealed([self._chunks[n] for n in sorted(self._chunks)])
        self._told += 1
        decision = decide(self.contact, each, Address(1, self._told), self.rules, each.time)
        return self._heard(decision)

    def wait(self, now: Microseconds) -> Decision:
        """Timers that are due by then fire."""
        return self._heard(decide_due(self.contact, self.rules, now))

    def _heard(self, decision: Decision) -> Decision:
        self.changes += decision.changes
        self.signals += decision.signals
        return decision

    def store(self, is_forgotten: bool) -> None:
        """Write; forgotten: the next interaction finds it in the row alone."""
        taken = self.contact.take_change()
        if taken is None:
            return
        change, sealed = taken
        self._log = change.log_head + self._log[: change.log_keep] + change.log_tail
        self._chunks |= {chunk.chunk: chunk.body for chunk in sealed}
        if is_forgotten:
            self.contact = Contact.stored(
                change.tenant,
                change.contact_id,
                self.contact.version,
                change.stage,
                change.seq,
                change.state,
                self._log,
            )


def standing(changes: list[Change]) -> list[tuple[Any, ...]]:
    """The history a reader has who applies each record as it comes."""
    held: dict[str, Change] = {}
    for change in changes:
        if change.kind == "revoked":
            assert change.revokes == change.transition_id
            del held[change.transition_id]
        else:
            assert (change.transition_id in held) is (change.kind == "corrected")
            held[change.transition_id] = change
    return sorted(
        (
            change.effective_at,
            change.transition_id,
            change.transition,
            change.from_stage,
            change.to_stage,
            change.cycle,
            change.cause,
            change.evidence,
        )
        for change in held.values()
    )


def settled(state: State, **without: Any) -> State:
    """To compare by: `next_due` is a lower bound, which depends on who looked when."""
    return replace(state, next_due=0, **without)
