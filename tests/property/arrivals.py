"""Strategies: interactions of one contact, and ways in which they arrive."""

from typing import Any

from hypothesis import strategies as st

from app.domain.changes import Change
from app.domain.contact import Contact
from app.domain.decide import Decision, decide
from app.domain.interaction import Address, Interaction
from app.domain.rules import Rules

HOUR = 3_600_000_000
START = 1_772_409_600_000_000
STAGES = ("lead", "prospect", "opportunity", "customer", "lost", "disqualified", "recycled")
CRITERIA = ("industry", "need", "budget", "authority", "pain", "fit", "can_use")
TERMS = (None, None, "2026-03-20", "2026-05-01")

SHAPES: list[tuple[str, dict[str, tuple[Any, ...]]]] = [
    ("newsletter.signed_up", {"email": ("ada@example.org", "info@example.org")}),
    ("website.visited", {"page_kind": ("pricing", "blog")}),
    ("email.opened", {}),
    ("email.link_clicked", {}),
    ("email.replied", {"is_auto_reply": (False, False, True)}),
    ("phone.call_held", {"direction": ("inbound",), "outcome": ("connected", "no_answer")}),
    ("demo.requested", {}),
    ("pricing.requested", {}),
    ("decision_deadline.communicated", {"deadline": ("2026-03-10", "2026-07-01")}),
    ("campaign.contacted", {"channel": ("ads",), "campaign_id": ("spring", "autumn")}),
    ("qualification.recorded", {"criterion": CRITERIA, "value": ("met", "not_met", "unknown"),
                                "valid_until": TERMS}),
    ("qualification.recorded", {"criterion": CRITERIA, "value": ("met", "not_met")}),
    ("meeting.held", {}),
    ("quote.sent", {"quote_id": ("q1", "q2"), "valid_until": ("2026-04-01", "2026-09-01")}),
    ("deal.updated", {"deal_id": ("d1", "d2")}),
    ("deal.won", {"deal_id": ("d1", "d2")}),
    ("deal.lost", {"deal_id": ("d1", "d2"), "reason": ("price",)}),
    ("deal.reopened", {"deal_id": ("d1", "d2")}),
    ("contact.opted_out", {"scope": ("processing", "marketing")}),
    ("contact.opted_in", {"scope": ("processing", "marketing")}),
    ("contact.disqualified", {"reason": ("spam",)}),
    ("stage.override", {"to_stage": STAGES, "reason": ("r",), "actor": ("rep-7",)}),
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
        time = START + hours * HOUR + draw(st.integers(0, 2))
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


class Stored:
    """A contact that is written to its row, and read again, whenever told."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.contact = Contact.new("default", "crm-1")
        self.changes: list[Change] = []
        self._log = b""
        self._chunks: dict[int, bytes] = {}
        self._told = 0

    def tell(self, each: Interaction) -> Decision:
        if self.contact.needs_sealed(each):
            self.contact.load_sealed([self._chunks[n] for n in sorted(self._chunks)])
        self._told += 1
        decision = decide(self.contact, each, Address(1, self._told), self.rules, each.time)
        self.changes += decision.changes
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
