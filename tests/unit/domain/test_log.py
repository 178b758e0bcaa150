"""The log's encoding is a format: what is stored must stay readable."""

from hashlib import sha256

import pytest

from app.domain import evidence_log
from app.domain.history import transition_id
from app.domain.log import NAMES_FROM, NAMES_MAX, VOCABULARY, code_of, needle_of, text_of
from app.domain.sealed_ids import BLOOM_BYTES, fingerprint_of, may_contain, with_added
from tests.unit.domain.story import Story

PINNED = 76
PINNED_SHA256 = "a797c751f4a61602ed7ed10341867ec7d7b2b1da10389447efb3d2a468af4983"


def test_the_vocabulary_only_grows_at_its_end() -> None:
    pinned = "\n".join(VOCABULARY[:PINNED])
    assert sha256(pinned.encode()).hexdigest() == PINNED_SHA256


def test_the_vocabulary_has_no_word_twice_and_leaves_room() -> None:
    assert len(set(VOCABULARY)) == len(VOCABULARY) <= NAMES_FROM


def test_a_new_text_gets_a_number_and_is_found_by_it() -> None:
    names: list[str] = []
    code = code_of("/shop", names)
    assert (code, text_of(code, names), code_of("/shop", names)) == (NAMES_FROM, "/shop", code)


def test_where_the_names_are_full_the_text_stands_for_itself() -> None:
    names = [f"/{n}" for n in range(NAMES_MAX)]
    assert code_of("/new", names) == "/new"
    assert text_of("/new", names) == "/new"
    assert len(names) == NAMES_MAX


def test_a_duplicate_is_found_among_more_sources_than_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(evidence_log, "SECTION_STEPS", 1_000)
    one = Story()
    for n in range(NAMES_MAX + 5):
        one.tell("website.visited", n / 100, event_id="x", source=f"/source/{n}")
    for n in range(NAMES_MAX + 5):
        assert one.tell("email.opened", 9, event_id="x", source=f"/source/{n}").verdict.value == (
            "duplicate"
        )


def test_bytes_that_look_like_an_identity_are_no_duplicate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A channel named like a source, and a campaign like an id, are stored as those would be."""
    monkeypatch.setattr(evidence_log, "SECTION_STEPS", 1_000)
    one = Story()
    for n in range(NAMES_MAX):
        one.tell("email.opened", n / 100, event_id="a", source=f"/{n}")
    one.tell("email.opened", 1, event_id="b", source="/0", channel="/7", campaign_id="x")
    assert needle_of("/7", "x", one.contact.book.names) in one.contact.evidence.log
    assert one.tell("email.opened", 2, event_id="x", source="/7").verdict.value == "applied"


def test_transition_ids_are_what_they_were() -> None:
    found = transition_id("default", "crm-1", ("none", "lead", 1, 0))
    assert found == "f170fffffa4d4aae1d07de96a58eddc9"


@pytest.mark.parametrize("count", [0, 1, 500, 3_000])
def test_the_filter_of_sealed_ids_never_denies_one(count: int) -> None:
    sealed = b""
    for start in range(0, count, 20):
        batch = [fingerprint_of("/s", str(n)) for n in range(start, min(start + 20, count))]
        sealed = with_added(sealed, batch)
    assert all(may_contain(sealed, fingerprint_of("/s", str(n))) for n in range(count))


@pytest.mark.parametrize("count", [500, 3_000])
def test_the_filter_of_sealed_ids_is_rarely_wrong_and_bounded(count: int) -> None:
    sealed = with_added(b"", [fingerprint_of("/s", str(n)) for n in range(count)])
    wrong = sum(may_contain(sealed, fingerprint_of("/t", str(n))) for n in range(5_000))
    assert wrong <= 50
    assert len(sealed) <= BLOOM_BYTES
