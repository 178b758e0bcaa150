"""Strategies: stories in which interactions come late, or are taken back again."""

from typing import Any, NamedTuple

from hypothesis import strategies as st
from msgspec.structs import replace

from app.domain.changes import Change
from app.domain.interaction import Interaction
from tests.unit.domain.story import DAY, MONDAY, interaction

RETRACTION = "event.retracted"
STAGES = ("lead", "prospect", "opportunity", "lost", "recycled", "disqualified")
TOLD: list[tuple[str, dict[str, tuple[Any, ...]]]] = [
    ("newsletter.signed_up", {}),
    ("email.replied", {}),
    ("email.link_clicked", {"message_id": ("m", "n")}),
    ("demo.requested", {}),
    ("demo.requested", {}),
    ("decision_deadline.communicated", {"deadline": ("2026-03-10", "2026-07-01")}),
    ("qualification.recorded", {"criterion": ("industry", "fit", "need"),
                                "value": ("met", "not_met"),
                                "valid_until": ("2026-04-01", "2027-01-01")}),
    ("deal.updated", {"deal_id": ("d", "e")}),
    ("deal.won", {"deal_id": ("d", "e")}),
    ("deal.lost", {"deal_id": ("d", "e")}),
    ("customer.churned", {"reason": ("moved",)}),
    ("handoff.rejected", {"transition_id": ("x",), "actor": ("rep-7",), "reason": ("early",)}),
    ("contact.opted_out", {}),
    ("contact.opted_in", {}),
    ("contact.disqualified", {}),
    ("stage.override", {"to_stage": STAGES, "pin_days": (0, 30)}),
]  # fmt: skip


class Arrival(NamedTuple):
    at: int
    told: Interaction


class Known(NamedTuple):
    change: Change
    decided_at: int


@st.composite
def stories(draw: st.DrawFn) -> list[Arrival]:
    """Interactions that arrive one by one, each as late as it likes, some taken back again."""
    arrivals: list[Arrival] = []
    now = MONDAY
    for n in range(draw(st.integers(1, 9))):
        now += draw(st.sampled_from((1, DAY // 24, DAY, 20 * DAY, 100 * DAY)))
        since = (now - MONDAY) / DAY
        day = draw(st.sampled_from((since, since, 0, since / 2, max(0, since - 1))))
        if arrivals and draw(st.integers(0, 5)) == 0:
            target = draw(st.sampled_from(arrivals)).told
            gone = {"event_id": target.id, "event_source": target.source, "reason": "wrong"}
            each = replace(
                interaction(RETRACTION, day, event_id=f"e{n}"), data=gone, arrived_at=now
            )
            arrivals.append(Arrival(now, each))
            continue
        kind, shape = draw(st.sampled_from(TOLD))
        data: dict[str, Any] = {
            name: draw(st.sampled_from(values)) for name, values in shape.items()
        }
        source = draw(st.sampled_from(("/a", "/b")))
        each = interaction(kind, day, event_id=f"e{n}", source=source, **data)
        arrivals.append(Arrival(now, replace(each, arrived_at=now)))
    return arrivals
