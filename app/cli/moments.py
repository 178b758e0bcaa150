"""Moments that people give and read."""

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from app.domain.interaction import Microseconds
    from app.domain.rules import Rules

DATE_CHARS = 10


def moment_given(text: str | None, rules: "Rules") -> "Microseconds | None":
    """An RFC 3339 time; or a date, which means its last moment in the model's time zone.

    Raises BadParameter.
    """
    if text is None:
        return None
    found = rules.instant(text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is no moment; write 2026-03-02 or 2026-03-02T09:14:05Z")
    return found - 1 if len(text) == DATE_CHARS else found


def told_moment(at: "Microseconds") -> str:
    from app.domain.timestamps import format_rfc3339

    return format_rfc3339(at)


def bound_given(text: str | None, *, is_end: bool = False) -> "Microseconds | None":
    """An RFC 3339 time; or a date, which means its beginning, or its end, in UTC. BadParameter."""
    from app.domain.calendar import DAY
    from app.domain.timestamps import parse_rfc3339

    if text is None:
        return None
    is_date = len(text) == DATE_CHARS
    found = parse_rfc3339(f"{text}T00:00:00Z" if is_date else text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is no moment; write 2026-03-02 or 2026-03-02T09:14:05Z")
    return found + DAY if is_date and is_end else found
