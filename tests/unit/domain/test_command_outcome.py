"""What a person is told about a command: whether it had an effect, why not, and what it moved."""

from typing import Any

import pytest

from app.domain.command_outcome import CommandState, Outcome, Refusal, outcome_of
from app.domain.contact import Contact
from app.domain.decide import decide
from app.domain.interaction import Address, Interaction
from tests.unit.domain.story import B2B, interaction, moment

ACCEPTED, DUPLICATE, REFUSED = CommandState.ACCEPTED, CommandState.DUPLICATE, CommandState.REFUSED


class Told:
    """A contact, and what those who decide about it are told."""

    def __init__(self) -> None:
        self.contact = Contact.new("default", "crm-1")
        self._heard = 0

    def item(self, kind: str, day: float, **data: Any) -> Interaction:
        self._heard += 1
        return interaction(kind, day, f"{kind} {self._heard}", **data)

    def hears(self, item: Interaction) -> tuple[Outcome, list[tuple[str, str]]]:
        self._heard += 1
        decision = decide(self.contact, item, Address(1, self._heard), B2B, item.arrived_at)
        outcome, moves = outcome_of(self.contact, item, decision, B2B)
        return outcome, [(move.kind, move.transition) for move in moves]

    def asked(self, type_: str, day: float, data: dict[str, Any], id_: str = "k") -> Any:
        item = Interaction(
            "default", "crm-1", "/funnel/api", id_, type_, moment(day), moment(day),
            {"actor": "jo", **data},
        )  # fmt: skip
        return self.hears(item)


@pytest.fixture
def told() -> Told:
    """Of an opportunity whose hand-off is open."""
    made = Told()
    made.hears(interaction("demo.requested", 1, "demo"))
    return made


def state_of(answer: Any) -> tuple[CommandState, str | None]:
    outcome, _ = answer
    return outcome.state, outcome.reason


def test_an_answer_counts_while_a_hand_off_is_open(told: Told) -> None:
    answer = {"transition_id": "t"}
    assert state_of(told.asked("handoff.accepted", 2, answer)) == (ACCEPTED, None)
    outcome, moves = told.asked("handoff.rejected", 3, {**answer, "reason": "x"}, "again")
    assert (outcome.state, outcome.reason) == (REFUSED, Refusal.NO_HANDOFF_OPEN)
    assert "the last one was accepted" in outcome.message
    assert moves == []


def test_a_rejection_that_moves_the_contact_tells_its_moves(told: Told) -> None:
    outcome, moves = told.asked("handoff.rejected", 2, {"transition_id": "t", "reason": "timing"})
    assert outcome.state == ACCEPTED
    assert len(moves) == 1


def test_nobody_is_handed_over_before_there_is_a_hand_off() -> None:
    outcome, _ = Told().asked("handoff.accepted", 1, {"transition_id": "t"})
    assert outcome.message == "There is no open hand-off: the contact is none."


def test_an_override_goes_to_a_stage_of_the_model(told: Told) -> None:
    override = {"to_stage": "paradise", "reason": "met"}
    outcome, _ = told.asked("stage.override", 2, override)
    assert (outcome.state, outcome.reason) == (REFUSED, Refusal.NO_SUCH_STAGE)
    assert "paradise" not in outcome.message
    accepted, moves = told.asked("stage.override", 3, {**override, "to_stage": "lost"}, "k2")
    assert (accepted.state, moves) == (ACCEPTED, [("changed", "T17")])
    stays = told.asked("stage.override", 4, {**override, "to_stage": "lost"}, "k3")
    assert state_of(stays) == (ACCEPTED, None)


def test_the_moves_of_timers_before_it_are_not_its_own(told: Told) -> None:
    """It comes after months of silence, in which the contact was recycled."""
    _, moves = told.asked("stage.override", 400, {"to_stage": "lead", "reason": "met"})
    assert moves == [("changed", "T17")]


def test_a_late_command_tells_all_that_it_rewrote(told: Told) -> None:
    told.hears(interaction("meeting.held", 9, "m"))
    outcome, moves = told.asked("stage.override", 0.5, {"to_stage": "lost", "reason": "met"})
    assert outcome.state == ACCEPTED
    assert {kind for kind, _ in moves} >= {"revoked"}


def test_what_moves_nobody_is_noted(told: Told) -> None:
    told.asked("stage.override", 2, {"to_stage": "customer", "reason": "won"})
    outcome, moves = told.asked("contact.disqualified", 3, {"reason": "spam"}, "k2")
    assert (outcome.state, moves) == (ACCEPTED, [])
    assert outcome.message == "Noted; the stage stays customer."


@pytest.mark.parametrize(
    ("target", "expected", "says"),
    [
        ("demo", (ACCEPTED, None), None),
        ("nothing", (ACCEPTED, None), "Nothing is known of it yet"),
        ("retraction", (REFUSED, Refusal.NOT_RETRACTABLE), "event.retracted can't be"),
    ],
)
def test_retractions(told: Told, target: str, expected: Any, says: str | None) -> None:
    about = {"event_source": "/a", "event_id": "nobody"}
    told.asked("event.retracted", 2, about, "retraction")
    source = "/funnel/api" if target == "retraction" else "/a"
    answer = told.asked("event.retracted", 3, {"event_source": source, "event_id": target}, "k2")
    assert state_of(answer) == expected
    assert says is None or answer[0].message.startswith(says)
    assert bool(answer[1]) == (target == "demo")


def test_links(told: Told) -> None:
    other = {"other": "crm-2", "evidence": "same mail"}
    assert state_of(told.asked("identity.unlinked", 2, other, "k1")) == (
        REFUSED, Refusal.NOT_LINKED,
    )  # fmt: skip
    itself = {**other, "other": "crm-1"}
    assert state_of(told.asked("identity.linked", 3, itself, "k2")) == (
        REFUSED, Refusal.TO_ITSELF,
    )  # fmt: skip
    linked, moves = told.asked("identity.linked", 4, other, "k3")
    assert linked == Outcome(ACCEPTED)
    assert {kind for kind, _ in moves} == {"revoked"}
    under, _ = told.asked("owner.assigned", 5, {"user": "u"}, "k4")
    assert "linked to another" in under.message
    earlier, _ = told.asked("identity.linked", 3.5, {**other, "other": "crm-3"}, "k5")
    assert earlier.message == "Noted; another link of this key holds."
    assert state_of(told.asked("identity.unlinked", 6, other, "k6")) == (ACCEPTED, None)


def test_the_same_again_is_a_duplicate(told: Told) -> None:
    told.asked("owner.assigned", 2, {"user": "u"})
    assert state_of(told.asked("owner.assigned", 2, {"user": "u"})) == (DUPLICATE, None)


@pytest.mark.parametrize(
    ("type_", "data"),
    [
        ("phone.call_held", {"direction": "outbound", "duration_s": 1, "outcome": "connected"}),
        ("meeting.held", {"with": ["buyer"], "product_id": "p"}),
        ("qualification.recorded", {"criterion": "industry", "value": "met"}),
        ("owner.assigned", {"user": "u"}),
    ],
)
def test_what_is_only_recorded_is_accepted(told: Told, type_: str, data: dict[str, Any]) -> None:
    assert state_of(told.asked(type_, 2, data)) == (ACCEPTED, None)


def test_no_message_names_whom_it_is_about(told: Told) -> None:
    """Messages of refusals outlive an erasure in the log of a proxy, if not here."""
    for n, (type_, data) in enumerate(
        [
            ("identity.linked", {"other": "crm-1"}),
            ("identity.unlinked", {"other": "crm-2"}),
            ("stage.override", {"to_stage": "crm-1", "reason": "x"}),
            ("event.retracted", {"event_source": "/crm-1", "event_id": "crm-1"}),
        ]
    ):
        outcome, _ = told.asked(type_, 2 + n, data, f"k{n}")
        assert outcome.message is not None
        assert "crm-" not in outcome.message
