"""Which stage an account is in, why, and who is missing for its buying committee.

The rules are tried in their order, the first that holds decides:

    opportunity   the committee is complete
    opportunity   a deal is open
    customer      a contact is a customer
    prospect      a contact is at prospect or later
    lead          a contact is, or once was, a lead
    none          nobody is left

One contact's opportunity alone makes the account a prospect: several people of an organisation must
convert to win it, and what is missing for that has a name. A contact on a detour (lost, recycled,
disqualified) is not live, but the organisation has heard of us: it stays at least a lead.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from app.domain.account import AccountState, Member, Role
from app.domain.changes import GuardResult
from app.domain.state import CUSTOMER, LEAD, NONE, OPPORTUNITY, PROSPECT

ERASED: Final = "erased"

_NOTHING: Final[frozenset[Role]] = frozenset()
_PROSPECT_OR_LATER: Final = frozenset({PROSPECT, OPPORTUNITY, CUSTOMER})

_HELD: Final[Mapping[Role, Callable[[Member], bool]]] = {
    Role.CONTACT: lambda member: True,  # noqa: ARG005
    Role.LEAD: lambda member: member.stage != NONE,
    Role.PROSPECT: lambda member: member.stage in _PROSPECT_OR_LATER,
    Role.DECISION_MAKER: lambda member: member.is_decision_maker,
    Role.INTENT: lambda member: member.has_intent or member.stage == OPPORTUNITY,
    Role.OPEN_DEAL: lambda member: member.has_open_deal,
    Role.CUSTOMER: lambda member: member.is_customer or member.stage == CUSTOMER,
}


def roles_of(member: Member | None) -> frozenset[Role]:
    """What a contact is to its account; nothing once it has left."""
    if member is None or member.left:
        return _NOTHING
    return _roles(
        member.stage,
        member.is_customer,
        member.is_decision_maker,
        member.has_intent,
        member.has_open_deal,
    )


@lru_cache(maxsize=512)
def _roles(stage: str, *flags: bool) -> frozenset[Role]:
    """Few combinations come up, again and again."""
    member = Member(0, 0, stage, *flags)
    return frozenset(role for role, holds in _HELD.items() if holds(member))


class Seat(NamedTuple):
    """One place in the buying committee: so many contacts have the role."""

    role: Role
    least: int
    meaning: str


COMMITTEE: Final[Mapping[str, Seat]] = {
    "prospect": Seat(Role.PROSPECT, 1, "a contact at prospect or later"),
    "second_prospect": Seat(Role.PROSPECT, 2, "a second contact at prospect or later"),
    "decision_maker": Seat(Role.DECISION_MAKER, 1, "a decision maker"),
    "intent": Seat(Role.INTENT, 1, "a contact at opportunity, or with an active intent"),
}


def missing_roles(state: AccountState) -> tuple[str, ...]:
    """The empty seats of the committee, by name."""
    return tuple(name for name, seat in COMMITTEE.items() if state.count(seat.role) < seat.least)


class Verdict(NamedTuple):
    stage: str
    guards: tuple[GuardResult, ...]
    evidence: tuple[str, ...]


class _Rule(NamedTuple):
    stage: str
    guard: str
    roles: tuple[Role, ...]
    required: str
    observe: Callable[[AccountState], str]
    holds: Callable[[AccountState], bool]


def stage_of(state: AccountState) -> str:
    """The stage its contacts put the account in."""
    return next((rule.stage for rule in _RULES if rule.holds(state)), NONE)


def roll_up(state: AccountState) -> Verdict:
    """As `stage_of`, with every rule tried on the way and whom the last one rests on."""
    tried: list[GuardResult] = []
    for rule in _RULES:
        passed = rule.holds(state)
        tried.append(GuardResult(rule.guard, passed, rule.observe(state), rule.required))
        if passed:
            found = {contact for role in rule.roles for contact in state.contacts(role)}
            return Verdict(rule.stage, tuple(tried), tuple(sorted(found)))
    return Verdict(NONE, tuple(tried), ())


def _any(stage: str, guard: str, role: Role, required: str) -> _Rule:
    return _Rule(
        stage,
        guard,
        (role,),
        required,
        lambda state: str(state.count(role)),
        lambda state: state.count(role) > 0,
    )


def _seated(state: AccountState) -> str:
    return (
        f"{state.count(Role.PROSPECT)} at prospect or later,"
        f" {state.count(Role.DECISION_MAKER)} decision makers,"
        f" {state.count(Role.INTENT)} with intent"
    )


_RULES: Final = (
    _Rule(
        OPPORTUNITY,
        "committee",
        (Role.PROSPECT, Role.DECISION_MAKER, Role.INTENT),
        ">= 2 contacts at prospect or later, >= 1 decision maker,"
        " >= 1 at opportunity or with an active intent",
        _seated,
        lambda state: not missing_roles(state),
    ),
    _any(OPPORTUNITY, "open_deal", Role.OPEN_DEAL, ">= 1 contact with an open deal"),
    _any(CUSTOMER, "customer", Role.CUSTOMER, ">= 1 contact that is a customer"),
    _any(PROSPECT, "prospect", Role.PROSPECT, ">= 1 contact at prospect or later"),
    _any(LEAD, "lead", Role.LEAD, ">= 1 contact that is or was a lead"),
)
