"""What an account is, by its contacts: the stage rules, the committee, the missing roles."""

import pytest

from app.domain.account import EVIDENCE_MAX, decode_account, encode_account
from app.domain.account_rules import COMMITTEE, missing_roles, roll_up
from app.errors import Halted
from tests.unit.domain.accounts import NOW, Account, word

FLAGS = {
    "buys": "is_customer",
    "decides": "is_decision_maker",
    "wants": "has_intent",
    "deal": "has_open_deal",
    "left": "left",
}
COMMITTEE_OF_TWO = "opportunity, prospect decides"
"""The smallest buying committee."""


def of(contacts: str, **how: bool) -> Account:
    """Of ann, bob and cyd, each told as a stage and what else is true of them."""
    told = []
    for name, text in zip(("ann", "bob", "cyd"), filter(None, contacts.split(", ")), strict=False):
        stage, *flags = text.split()
        told.append(word(name, stage=stage, **{FLAGS[flag]: True for flag in flags}))
    return Account(*told, **how)


STAGES = {
    "nobody has shown interest": ("none", "none", None),
    "a lead": ("lead", "lead", "lead"),
    "the highest live stage": ("lead, prospect, lead", "prospect", "prospect"),
    "one contact's opportunity is no committee": ("opportunity", "prospect", "prospect"),
    "lost is not live": ("lost", "lead", "lead"),
    "recycled is not live": ("recycled", "lead", "lead"),
    "disqualified is not live": ("disqualified", "lead", "lead"),
    "a detour beside a prospect": ("recycled, prospect", "prospect", "prospect"),
    "the committee is complete": (COMMITTEE_OF_TWO, "opportunity", "committee"),
    "a deal is open": ("lead deal", "opportunity", "open_deal"),
    "a customer": ("customer buys", "customer", "customer"),
    "a customer on a detour": ("recycled buys", "customer", "customer"),
    "a customer's new deal": ("customer buys deal", "opportunity", "open_deal"),
    "a customer's committee": (f"{COMMITTEE_OF_TWO}, customer buys", "opportunity", "committee"),
    "nobody is left": ("prospect left", "none", None),
}


@pytest.mark.parametrize(("contacts", "stage", "by"), STAGES.values(), ids=list(STAGES))
def test_stage_is_that_of_the_first_rule_that_holds(
    contacts: str, stage: str, by: str | None
) -> None:
    account = of(contacts)
    assert account.state.stage == stage
    if by is None:
        assert account.changes == []
    else:
        *failed, decided = account.changes[-1].guards
        assert (decided.guard, decided.passed) == (by, True)
        assert not any(guard.passed for guard in failed)


MISSING = {
    "a lead sits nowhere": ("lead", list(COMMITTEE)),
    "one prospect": ("prospect", ["second_prospect", "decision_maker", "intent"]),
    "opportunity is intent": ("opportunity", ["second_prospect", "decision_maker"]),
    "a lead's intent": ("lead wants", ["prospect", "second_prospect", "decision_maker"]),
    "a lead who decides": ("lead decides", ["prospect", "second_prospect", "intent"]),
    "customer is later than prospect": ("customer, prospect", ["decision_maker", "intent"]),
    "nobody decides": ("opportunity, prospect", ["decision_maker"]),
    "nobody wants to buy": ("prospect, prospect decides", ["intent"]),
    "the one who decides is a lead": ("opportunity, lead decides", ["second_prospect"]),
    "the one who decides has left": (
        "opportunity, prospect, prospect decides left",
        ["decision_maker"],
    ),
    "complete": (COMMITTEE_OF_TWO, []),
    "one may sit on two seats": ("opportunity decides, prospect", []),
    "intent without an opportunity": ("prospect wants decides, customer", []),
}


@pytest.mark.parametrize(("contacts", "missing"), MISSING.values(), ids=list(MISSING))
def test_missing_roles_are_the_empty_seats_of_the_committee(
    contacts: str, missing: list[str]
) -> None:
    state = of(contacts).state
    committee = roll_up(state).guards[0]
    assert list(missing_roles(state)) == missing
    assert (committee.guard, committee.passed) == ("committee", not missing)


def test_evidence_is_the_contacts_that_the_deciding_rule_rests_on() -> None:
    account = of(f"{COMMITTEE_OF_TWO}, recycled")
    assert account.changes[-1].evidence == ("ann", "bob")


def test_guards_tell_what_was_observed_and_what_is_required() -> None:
    committee = of(COMMITTEE_OF_TWO).changes[-1].guards[0]
    assert committee.observed == "2 at prospect or later, 1 decision makers, 1 with intent"
    assert committee.required.startswith(">= 2 contacts at prospect or later")


def test_changes_are_numbered_without_a_gap_and_each_has_an_id_of_its_own() -> None:
    account = of("lead")
    for version, stage in enumerate(("prospect", "recycled", "prospect"), 2):
        account.hear(word("ann", version, stage=stage))
    assert [change.seq for change in account.changes] == [1, 2, 3, 4]
    assert len({change.transition_id for change in account.changes}) == 4
    assert [change.to_stage for change in account.changes] == [
        "lead",
        "prospect",
        "lead",
        "prospect",
    ]


def test_a_change_names_the_contact_the_cause_and_the_moment() -> None:
    change = Account(word("ann", 7)).changes[0]
    assert (change.contact_id, change.cause.event_id, change.effective_at) == (
        "ann",
        "ann-7",
        NOW + 7,
    )


@pytest.mark.parametrize("version", [1, 2])
def test_a_word_as_old_as_the_last_one_or_older_changes_nothing(version: int) -> None:
    account = Account(word("ann", 2, stage="prospect"))
    assert account.hear(word("ann", version, stage="customer", is_customer=True)) is None
    assert account.state.stage == "prospect"


def test_who_left_counts_for_nothing() -> None:
    account = of(COMMITTEE_OF_TWO)
    account.hear(word("bob", 2, stage="none", left=True))
    change = account.changes[-1]
    assert (change.from_stage, change.to_stage) == ("opportunity", "prospect")
    assert (change.contacts, change.missing_roles) == (1, ("second_prospect", "decision_maker"))


def test_who_left_may_come_back() -> None:
    account = of("none left")
    account.hear(word("ann", 2, stage="prospect"))
    assert account.state.stage == "prospect"


def hand_offs(account: Account) -> list[tuple[str, str] | None]:
    return [
        None if change.handoff is None else (change.handoff.kind, change.handoff.transition_id)
        for change in account.changes
    ]


def test_entering_opportunity_requests_a_handoff_where_accounts_hand_off() -> None:
    account = of(COMMITTEE_OF_TWO, hands_off=True)
    entered = account.changes[-1]
    assert hand_offs(account) == [None, ("requested", entered.transition_id)]


def test_leaving_opportunity_withdraws_the_handoff_that_was_requested() -> None:
    account = of(COMMITTEE_OF_TWO, hands_off=True)
    account.hear(word("ann", 2, stage="recycled"))
    requested = account.changes[1].transition_id
    assert hand_offs(account)[-1] == ("withdrawn", requested)
    account.hear(word("ann", 3, stage="opportunity"))
    assert hand_offs(account)[-1] == ("requested", account.changes[-1].transition_id)
    assert account.changes[-1].transition_id != requested


def test_no_handoff_where_contacts_hand_off() -> None:
    account = of(COMMITTEE_OF_TWO)
    account.hear(word("ann", 2, stage="recycled"))
    assert hand_offs(account) == [None, None, None]


def test_a_handoff_is_withdrawn_even_where_accounts_no_longer_hand_off() -> None:
    account = of(COMMITTEE_OF_TWO, hands_off=True)
    account.hands_off = False
    account.hear(word("ann", 2, stage="recycled"))
    assert hand_offs(account)[-1] == ("withdrawn", account.changes[1].transition_id)


def test_an_account_of_any_size_names_so_many_contacts() -> None:
    account = Account(*(word(f"c{n:03}", stage="prospect") for n in range(EVIDENCE_MAX + 5)))
    account.hear(word("boss", stage="opportunity", is_decision_maker=True))
    change = account.changes[-1]
    assert change.contacts == EVIDENCE_MAX + 6
    assert "boss" in change.evidence
    assert len(change.evidence) <= 2 * EVIDENCE_MAX


def test_a_stored_account_reads_back_as_it_was() -> None:
    state = of(COMMITTEE_OF_TWO, hands_off=True).state
    assert decode_account(encode_account(state)) == state


def test_a_format_of_a_newer_release_is_refused() -> None:
    with pytest.raises(Halted, match="format 9"):
        decode_account(b"\x09" + encode_account(Account().state)[1:])
