"""What a contact tells its account, and the one it has left."""

from typing import Any

import pytest

from app.domain.account import AccountInput
from app.domain.account_inputs import AccountTold, Teller, account_inputs
from app.domain.changes import Cause

CAUSE = Cause("e1", "https://shop.example/forms", "demo.requested")
TELLER = Teller("default", "ann", 3, 7, 1_790_000_000_000_000, CAUSE, "00-trace")


def told(
    account: str | None = "a.example",
    stage: str = "prospect",
    *,
    is_customer: bool = False,
    decides: bool = False,
    has_intent: bool = False,
    has_open_deal: bool = False,
) -> AccountTold:
    return account, stage, is_customer, decides, has_intent, has_open_deal


def briefly(inputs: list[AccountInput]) -> list[tuple[str, str, bool]]:
    return [(each.account_id, each.member.stage, each.member.left) for each in inputs]


HERE, THERE = ("a.example", "prospect", False), ("b.example", "prospect", False)
GONE = ("a.example", "none", True)

CASES = {
    "no account": (None, told(None), []),
    "nothing to say yet": (None, told(stage="none"), []),
    "a fact before a stage": (
        None,
        told(stage="none", decides=True),
        [("a.example", "none", False)],
    ),
    "the first word": (None, told(), [HERE]),
    "nothing new": (told(), told(), []),
    "another stage": (told(stage="lead"), told(), [HERE]),
    "back to nowhere": (told(), told(stage="none"), [("a.example", "none", False)]),
    "linked": (told(None), told(), [HERE]),
    "moved": (told(), told("b.example"), [GONE, THERE]),
    "unlinked": (told(), told(None), [GONE]),
    "moved with nothing to say": (told(), told("b.example", "none"), [GONE]),
    "erased": (told(), told(stage="erased"), [("a.example", "erased", True)]),
    "erased with its account": (told(), told(None, "erased"), [("a.example", "erased", True)]),
    "erased without an account": (None, told(None, "erased"), []),
}


@pytest.mark.parametrize(("before", "after", "inputs"), CASES.values(), ids=list(CASES))
def test_inputs_are_the_difference_to_what_was_told(
    before: AccountTold | None, after: AccountTold, inputs: list[tuple[str, str, bool]]
) -> None:
    assert briefly(account_inputs(before, after, TELLER)) == inputs


@pytest.mark.parametrize("changed", ["is_customer", "decides", "has_intent", "has_open_deal"])
def test_each_thing_the_account_must_know_is_told(changed: str) -> None:
    now: dict[str, Any] = {changed: True}
    (one,) = account_inputs(told(), told(**now), TELLER)
    member = one.member
    names = {"decides": "is_decision_maker"}
    assert [
        name
        for name in ("is_customer", "is_decision_maker", "has_intent", "has_open_deal")
        if getattr(member, name)
    ] == [names.get(changed, changed)]


def test_an_input_carries_the_version_the_number_and_the_cause() -> None:
    (one,) = account_inputs(None, told(), TELLER)
    assert (one.member.contact_version, one.member.contact_seq) == (7, 3)
    assert (one.tenant, one.contact_id, one.cause, one.traceparent) == (
        "default", "ann", CAUSE, "00-trace",
    )  # fmt: skip


def test_who_has_left_is_told_nothing_more_about() -> None:
    gone, _ = account_inputs(told(decides=True), told("b.example", decides=True), TELLER)
    assert not gone.member.is_decision_maker


def test_an_erasure_is_told_to_every_account_there_was() -> None:
    inputs = account_inputs(told(), told(None, "erased"), TELLER, ("z.example", "a.example"))
    assert briefly(inputs) == [("a.example", "erased", True), ("z.example", "erased", True)]
