"""Facts first: what an interaction records about the contact, by the name the model gives it."""

# ruff: noqa: ARG001 - every record has the same signature

from typing import Final

from msgspec.structs import replace

from app.domain.calendar import DAY
from app.domain.entry import NOBODY, Entry
from app.domain.qualification import UNKNOWN, told
from app.domain.rules import Record, Rules
from app.domain.state import (
    CLOSED_DEALS_MAX,
    FACTS_MAX,
    OPEN_DEALS_MAX,
    OPEN_QUOTES_MAX,
    SCOPES_MAX,
    Deal,
    Fact,
    Seen,
    State,
    Term,
)

PIN_DAYS_MAX: Final = 36_500
MAILBOX: Final = "x"
"""At a domain: what a domain means is what an address there means."""


def take_fact(state: State, entry: Entry, rules: Rules) -> None:
    """The last fact of a criterion counts; a fact without a criterion is none."""
    fields = entry.fields or {}
    criterion, confidence = fields.get("criterion"), fields.get("confidence")
    if not isinstance(criterion, str):
        return
    if criterion not in state.facts and len(state.facts) >= FACTS_MAX:
        return
    state.facts[criterion] = Fact(
        fields.get("value"),
        entry.time,
        entry.id,
        rules.instant(fields.get("valid_until")),
        _text(entry, "actor"),
        confidence,
    )
    if state.clocks and told(state, "industry", entry.time) != UNKNOWN:
        state.clocks.pop("qualification_sla", None)


def take_deal_update(state: State, entry: Entry, rules: Rules) -> None:
    """A deal is open from its first update; an update of a closed deal does not open it."""
    deal = _text(entry, "deal_id")
    if deal is not None and deal not in state.closed_deals:
        _open(state, deal, entry)


def take_deal_reopened(state: State, entry: Entry, rules: Rules) -> None:
    deal = _text(entry, "deal_id")
    if deal is not None:
        if deal in state.closed_deals:
            state.closed_deals = _without(state.closed_deals, deal)
        _open(state, deal, entry)


def take_deal_closed(state: State, entry: Entry, rules: Rules) -> None:
    deal = _text(entry, "deal_id")
    if deal is None:
        return
    state.open_deals.pop(deal, None)
    if deal not in state.closed_deals:
        state.closed_deals = (*state.closed_deals, deal)[-CLOSED_DEALS_MAX:]


def take_quote(state: State, entry: Entry, rules: Rules) -> None:
    """A quote is open until `valid_until` or until the opportunity ends."""
    quote, until = _text(entry, "quote_id"), rules.instant((entry.fields or {}).get("valid_until"))
    if quote is None or until is None:
        return
    state.quotes.pop(quote, None)
    state.quotes[quote] = Term(until, entry.time, entry.arrived_at)
    if len(state.quotes) > OPEN_QUOTES_MAX:
        del state.quotes[next(iter(state.quotes))]


def take_opt_out(state: State, entry: Entry, rules: Rules) -> None:
    scope = _text(entry, "scope")
    if scope is not None and scope not in state.opted_out and len(state.opted_out) < SCOPES_MAX:
        state.opted_out = (*state.opted_out, scope)


def take_opt_in(state: State, entry: Entry, rules: Rules) -> None:
    scope = _text(entry, "scope")
    if scope is not None and scope in state.opted_out:
        state.opted_out = _without(state.opted_out, scope)


def take_owner(state: State, entry: Entry, rules: Rules) -> None:
    state.owner = _text(entry, "user")


def take_account(state: State, entry: Entry, rules: Rules) -> None:
    """By its id; or by its domain, which then is the account of those who mail from there."""
    domain = _text(entry, "domain")
    of_domain = None if domain is None else rules.account_of(f"{MAILBOX}@{domain}")
    state.linked_account = _text(entry, "account_id") or of_domain


def take_disqualification(state: State, entry: Entry, rules: Rules) -> None:
    state.is_barred = True


def take_trial(state: State, entry: Entry, rules: Rules) -> None:
    end = rules.instant((entry.fields or {}).get("trial_end"))
    if end is not None and not entry.flags & NOBODY:
        state.trial = Term(end, entry.time, entry.arrived_at)


def take_content(state: State, entry: Entry, rules: Rules) -> None:
    if not entry.flags & NOBODY:
        state.content = Seen(entry.time, entry.id, entry.type)


def take_answer(state: State, entry: Entry, rules: Rules) -> None:
    """Of the hand-off that is open, whatever transition it names; a second changes nothing."""
    handoff = state.handoff
    if handoff is not None and handoff.answer is None:
        answer = "rejected" if entry.type.endswith("rejected") else "accepted"
        state.handoff = replace(handoff, answer=answer, answered_by=entry.id)
        state.clocks.pop("handoff_accept", None)


def take_override(state: State, entry: Entry, rules: Rules) -> None:
    """The pin: until it ends, guards and timers do not move the contact."""
    fields = entry.fields or {}
    stage, days = fields.get("to_stage"), fields.get("pin_days")
    if stage not in rules.stages or not fields.get("actor") or not fields.get("reason"):
        return
    pin = rules.terms.pin
    if isinstance(days, int | float) and not isinstance(days, bool) and days >= 0:
        pin = int(min(days, PIN_DAYS_MAX) * DAY)
    state.pin_until = entry.time + pin if pin else None


def _open(state: State, name: str, entry: Entry) -> None:
    """What an update does not say stays as it was."""
    known, fields = state.open_deals.get(name, Deal()), entry.fields or {}
    amount, probability = fields.get("amount"), fields.get("probability")
    state.open_deals[name] = Deal(
        float(amount) if isinstance(amount, int | float) else known.amount,
        _text(entry, "currency") or known.currency,
        float(probability) if isinstance(probability, int | float) else known.probability,
        _text(entry, "expected_close") or known.expected_close,
    )
    if len(state.open_deals) > OPEN_DEALS_MAX:
        del state.open_deals[next(iter(state.open_deals))]


def _without(texts: tuple[str, ...], gone: str) -> tuple[str, ...]:
    return tuple(text for text in texts if text != gone)


def _text(entry: Entry, name: str) -> str | None:
    value = (entry.fields or {}).get(name)
    return value if isinstance(value, str) else None


RECORDS: Final[dict[str, Record]] = {
    "fact": take_fact,
    "deal_update": take_deal_update,
    "deal_reopened": take_deal_reopened,
    "deal_closed": take_deal_closed,
    "quote": take_quote,
    "opt_out": take_opt_out,
    "opt_in": take_opt_in,
    "owner": take_owner,
    "account": take_account,
    "disqualification": take_disqualification,
    "trial": take_trial,
    "content": take_content,
    "answer": take_answer,
    "override": take_override,
}
TELLING: Final = frozenset({"fact", "quote", "opt_out", "opt_in", "owner", "account"})
"""Records that others see in the contact's snapshot."""
