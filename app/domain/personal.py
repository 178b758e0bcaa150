"""Personal data in interactions: what becomes a contact's profile, and how it is searched.

The fold never sees it (entry.py). Of several values the one with the latest effective time holds,
whatever order they arrive in.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, Final

from app.domain.interaction import Interaction, Microseconds

PROFILED: Final = "contact.profiled"
FIELDS: Final = ("name", "email", "phone", "company")
VALUE_MAX_CHARS: Final = 256
KEY_MAX_CHARS: Final = 128
"""Of what is indexed."""

Profile = dict[str, tuple[str, Microseconds]]
"""Field -> its value, and since when it is so."""


def profile_told(items: Iterable[Interaction]) -> Profile | None:
    """By these interactions of one contact; None: nothing. What machines sent tells nothing."""
    found: Profile | None = None
    for item in items:
        data = item.data
        if "email" in data or "fields" in data or item.type == PROFILED:
            for field, value in _values(item.type, data):
                told = _clean(value)
                if told and not item.automated:
                    found = found or {}
                    if field not in found or found[field][1] <= item.time:
                        found[field] = told, item.time
    return found


def _values(type_: str, data: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    if type_ == PROFILED:
        return [(field, data[field]) for field in FIELDS if field in data]
    form = data.get("fields")
    given = data.get("email") or (form.get("email") if isinstance(form, dict) else None)
    return [("email", given)] if isinstance(given, str) and "@" in given else []


def _clean(value: Any) -> str:
    """On one line, and bounded."""
    if not isinstance(value, str):
        return ""
    text = " ".join(value[: 2 * VALUE_MAX_CHARS].split())
    return "".join(char for char in text if char.isprintable())[:VALUE_MAX_CHARS]


def search_key(text: str) -> str:
    """Case, accents and runs of spaces do not matter to who searches."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(char for char in plain if not unicodedata.combining(char))
    return " ".join(letters.split())[:KEY_MAX_CHARS]


def turned(key: str) -> str | None:
    """A name's search key with its last word first; None: it has one word."""
    first, _, last = key.rpartition(" ")
    return f"{last} {first}" if first else None
