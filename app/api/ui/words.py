"""How values are written for people: numbers, shares, lengths of time, names of things."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

MINUTE: Final = 60.0
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

_UNITS: Final = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"))
_GUARDS: Final[Mapping[str, str]] = {
    "human": "A person did it",
    "identified": "A person, not a shared mailbox",
    "two_way_recent": "Talked back recently",
    "icp": "Fits the ideal profile",
    "not_blocked": "Nothing against it",
    "intent_active": "Intent to buy",
    "triad_ok": "Pain, interest and fit",
    "committee": "Buying committee",
    "fit_ok": "We want them, and can deliver",
    "budget_met": "There is a budget",
    "decision_maker": "Talks to who decides",
    "triad_met": "Pain, interest and fit are all met",
    "content_score": "Enough interest in content",
    "two_way_since": "Talked back since then",
    "mismatch": "Does not fit",
    "no_mismatch": "Nothing that does not fit",
    "not_barred": "Nobody disqualified it by hand",
    "no_open_deal": "No other deal is open",
    "no_open_quote": "No quote is open",
    "customer": "Is a customer",
    "no_customer": "Is no customer",
    "reopened": "Asks again, or the deal was reopened",
    "rejected": "The hand-off was rejected",
    "rejected_or_due": "Rejected, or its time is over",
    "reason_given": "A reason is given",
    "accountable": "Somebody says so, with a reason",
}
_EFFECTS: Final[Mapping[str, str]] = {
    "temperature": "As scores fade",
    "recycled": "Moves to recycled",
    "sla breached": "Then it counts as overdue",
    "deadline near": "Sales is told",
    "trial ending": "Sales is told",
    "quote expiring": "Sales is told",
    "retention due": "A reminder that the data is old",
}
_NAMES: Final[Mapping[str, str]] = {"not_a_cloudevent": "Not a CloudEvent"}
_TIMERS: Final[Mapping[str, str]] = {
    "click_settles": "Click settles",
    "pin_end": "Pin ends",
    "qualification_sla": "Find out the industry",
    "hot_followup": "Follow up (hot)",
    "warm_followup": "Follow up (warm)",
    "handoff_accept": "Answer the hand-off",
    "opp_stale_warning": "Going stale",
    "opp_stale": "Stale",
    "deadline_near": "Deadline near",
    "deadline_grace": "Deadline passed",
    "trial_ending": "Trial ends",
    "quote_expiring": "Quote expires",
    "prospect_idle": "Prospect goes quiet",
    "lead_dormant": "Lead goes quiet",
    "lost_cooldown": "Cool-down ends",
    "score_crossing": "Temperature changes",
    "retention_due": "Retention ends",
}


def number(value: float | None) -> str:
    """1,234; 12.5"""
    if value is None:
        return "–"
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 100 else f"{value:,.1f}"


def share(part: float | None) -> str:
    """Of a whole: 0.382 is 38%."""
    if part is None:
        return "–"
    percent = part * 100
    return f"{percent:.1f}%" if 0 < percent < 10 else f"{percent:.0f}%"


def span(seconds: float | None) -> str:
    """Two units at most: 3 d 4 h, 12 min, 8 s."""
    if seconds is None:
        return "–"
    left = abs(seconds)
    if left < MINUTE:
        return f"{left:.0f} s"
    told: list[str] = []
    for size, unit in _UNITS:
        if left >= size or told:
            n = int(left // size)
            left -= n * size
            if n:
                told.append(f"{n} {unit}")
            if len(told) == 2 or size == MINUTE or (told and told[0].endswith(" d") and n > 9):
                break
    return " ".join(told[:2])


def plain_moment(rfc3339: str) -> str:
    """For those without scripts: 2026-03-02 09:14 UTC."""
    return moment_of(rfc3339).strftime("%Y-%m-%d %H:%M UTC")


def moment_of(rfc3339: str) -> datetime:
    return datetime.fromisoformat(rfc3339).astimezone(UTC)


def label(name: str) -> str:
    """two_way_recent: Two way recent."""
    if name in _NAMES:
        return _NAMES[name]
    text = name.replace("_", " ").replace(".", " · ").replace("handoff", "hand-off")
    return text[:1].upper() + text[1:]


def guard_label(name: str) -> str:
    """Of alternatives, one|other, all of them."""
    told = [_GUARDS.get(each, label(each)) for each in name.split("|")]
    return ", or ".join([told[0], *(each[:1].lower() + each[1:] for each in told[1:])])


def effect_label(name: str) -> str:
    """What a timer does when it is due."""
    return _EFFECTS.get(name, name[:1].upper() + name[1:])


def plainly(text: str) -> str:
    """What the rules observed or require: values as people write them."""
    text = text.replace("not not_met", "met or unknown")
    return text.replace("not_met", "not met").replace("decision_maker", "decision maker")


def month(year_month: str | None) -> str:
    """2026-08: Aug 2026."""
    if year_month is None:
        return "Not known"
    return datetime.strptime(year_month, "%Y-%m").strftime("%b %Y")


def timer_label(name: str) -> str:
    return _TIMERS.get(name, label(name))


def type_label(name: str) -> str:
    """An interaction's type; of a timer its name."""
    if name.startswith("timer:"):
        return timer_label(name.removeprefix("timer:"))
    return label(name.replace(".", " "))


def field_text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)
