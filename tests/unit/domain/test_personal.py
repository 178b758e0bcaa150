"""What becomes of personal data in interactions: the latest by its time, clean and searchable."""

from typing import Any

import pytest

from app.domain.interaction import Interaction
from app.domain.personal import VALUE_MAX_CHARS, profile_told, search_key, turned


def said(type_: str, data: dict[str, Any], time: int = 1, **more: Any) -> Interaction:
    return Interaction("default", "crm-1", "urn:x", "e", type_, time, time, data, **more)


def test_a_profile_tells_all_its_fields() -> None:
    data = {"name": "Ada Lind", "email": "ada@firm.example", "phone": "+49 30 1", "company": "Firm"}
    assert profile_told([said("contact.profiled", data)]) == {
        name: (value, 1) for name, value in data.items()
    }


@pytest.mark.parametrize(
    ("type_", "data"),
    [
        ("newsletter.signed_up", {"email": "ada@firm.example", "name": "a list"}),
        ("form.submitted", {"form_id": "f", "fields": {"email": "ada@firm.example"}}),
    ],
)
def test_of_others_only_the_e_mail_is_taken(type_: str, data: dict[str, Any]) -> None:
    assert profile_told([said(type_, data)]) == {"email": ("ada@firm.example", 1)}


@pytest.mark.parametrize(
    "item",
    [
        said("website.visited", {"page_url": "/"}),
        said("newsletter.signed_up", {"email": "no address"}),
        said("newsletter.signed_up", {"email": 7}),
        said("form.submitted", {"fields": ["email"]}),
        said("contact.profiled", {"name": " \x07 "}),
        said("contact.profiled", {"name": "Bot"}, automated=True),
    ],
)
def test_nothing_is_told_by_what_has_none(item: Interaction) -> None:
    assert profile_told([item]) is None


def test_the_latest_holds_whatever_arrives_first() -> None:
    old, new = (
        said("contact.profiled", {"name": name}, time) for name, time in (("A", 1), ("B", 2))
    )
    assert profile_told([old, new]) == profile_told([new, old]) == {"name": ("B", 2)}


def test_a_value_is_one_bounded_line() -> None:
    told = profile_told([said("contact.profiled", {"name": "Ada\n\tLind " + "x" * 1_000})])
    assert told is not None
    name, _ = told["name"]
    assert name.startswith("Ada Lind x")
    assert len(name) == VALUE_MAX_CHARS


@pytest.mark.parametrize(
    ("text", "key"),
    [("  Jürgen   GROSS ", "jurgen gross"), ("STRAßE", "strasse"), ("Ångström", "angstrom")],
)
def test_case_accents_and_spaces_do_not_matter_to_a_search(text: str, key: str) -> None:
    assert search_key(text) == key


@pytest.mark.parametrize(
    ("key", "found"), [("ada lind", "lind ada"), ("ada b. lind", "lind ada b."), ("ada", None)]
)
def test_a_name_is_found_by_its_last_word(key: str, found: str | None) -> None:
    assert turned(key) == found
