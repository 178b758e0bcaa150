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
}
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
    text = name.replace("_", " ").replace(".", " · ")
    return text[:1].upper() + text[1:]


def guard_label(name: str) -> str:
    return _GUARDS.get(name, label(name))


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
