"""A contact's stored form: what one row holds, and that nothing is lost on the way."""

import pytest

from app.domain import evidence_log
from app.domain.changes import ContactChange, SealedChunk, Verdict
from app.domain.contact import Contact
from app.domain.decide import decide
from app.domain.interaction import Address
from app.errors import Halted
from tests.unit.domain.story import B2B, Story, interaction

VISIT = "website.visited"


class Row:
    """What a MERGE and the table of chunks do, without a database."""

    def __init__(self) -> None:
        self.version, self.stage, self.seq = 0, "none", 0
        self.state = self.log = b""
        self.chunks: dict[int, bytes] = {}

    def store(self, taken: tuple[ContactChange, list[SealedChunk]] | None) -> None:
        if taken is None:
            return
        change, sealed = taken
        assert change.expected_version == self.version
        self.version += 1
        self.stage, self.seq, self.state = change.stage, change.seq, change.state
        assert change.log_keep <= len(self.log)
        self.log = change.log_head + self.log[: change.log_keep] + change.log_tail
        self.chunks |= {each.chunk: each.body for each in sealed}

    def load(self) -> Contact:
        return Contact.stored(
            "default", "crm-1", self.version, self.stage, self.seq, self.state, self.log
        )

    def sealed(self) -> list[bytes]:
        return [self.chunks[number] for number in sorted(self.chunks)]


@pytest.fixture
def short_sections(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(evidence_log, "SECTION_STEPS", 3)
    return 3


def visited(days: int) -> Row:
    """A row after a visit on each day, stored after each."""
    row = Row()
    for day in range(1, days + 1):
        one = row.load()
        decide(one, interaction(VISIT, day), Address(day, 0), B2B, 0)
        row.store(one.take_change())
    return row


def test_nothing_to_store_where_nothing_was_decided() -> None:
    assert Contact.new("default", "crm-1").take_change() is None


def test_the_first_change_expects_no_row() -> None:
    one = Story()
    one.tell(VISIT, 1)
    taken = one.contact.take_change()
    assert taken is not None
    assert taken[0].expected_version == 0
    assert one.contact.version == 1


def test_in_order_the_old_log_is_kept_and_only_the_new_step_is_sent() -> None:
    row = visited(3)
    one = row.load()
    decide(one, interaction(VISIT, 4), Address(4, 0), B2B, 0)
    taken = one.take_change()
    assert taken is not None
    assert taken[0].log_keep == len(row.log)
    assert 0 < len(taken[0].log_head) < 100


def test_stored_and_loaded_it_goes_on_as_if_it_had_stayed() -> None:
    stayed = Story()
    row = Row()
    for day, kind in enumerate(("newsletter.signed_up", "email.replied", "demo.requested")):
        stayed.tell(kind, day)
        one = row.load()
        decide(one, interaction(kind, day), Address(1, day + 1), B2B, 0)
        row.store(one.take_change())
    assert row.load().fold == stayed.contact.fold
    assert (row.stage, row.seq) == (stayed.stage, stayed.contact.seq)


def test_rollback_goes_back_to_the_last_stored_form() -> None:
    one = Story()
    one.tell("newsletter.signed_up", 1)
    one.contact.take_change()
    one.tell("demo.requested", 2)
    one.contact.rollback()
    assert (one.contact.stage, one.contact.seq) == ("lead", 1)
    assert one.contact.take_change() is None
    assert one.tell("demo.requested", 2).verdict is Verdict.APPLIED


def test_old_sections_are_sealed_in_order(short_sections: int) -> None:
    row = visited(14)
    assert sorted(row.chunks) == [0, 1, 2]
    assert len(row.load().timeline()) == 14 - 3 * short_sections


def test_the_row_stays_bounded(short_sections: int) -> None:
    assert len(visited(40).log) < len(visited(8).log) * 3


def test_in_order_the_sealed_chunks_are_not_needed(short_sections: int) -> None:
    assert not visited(14).load().needs_sealed(interaction(VISIT, 15))


def test_a_copy_of_a_sealed_interaction_is_found(short_sections: int) -> None:
    row = visited(14)
    copy = interaction("demo.requested", 20, event_id=f"{VISIT}@2")
    one = row.load()
    assert one.needs_sealed(copy)
    one.load_sealed(row.sealed())
    assert decide(one, copy, Address(9, 0), B2B, 0).verdict is Verdict.DUPLICATE


def test_late_before_the_row_rewrites_the_chunks_from_there(short_sections: int) -> None:
    row = visited(14)
    late = interaction("email.replied", 5.5)
    one = row.load()
    assert one.needs_sealed(late)
    one.load_sealed(row.sealed())
    decision = decide(one, late, Address(9, 0), B2B, 0)
    taken = one.take_change()
    assert decision.changes[-1].to_stage == "prospect"
    assert taken is not None
    assert [each.chunk for each in taken[1]] == [1, 2, 3]


def test_rollback_keeps_the_chunks_that_were_loaded(short_sections: int) -> None:
    row = visited(14)
    late = interaction("email.replied", 5.5)
    one = row.load()
    one.load_sealed(row.sealed())
    first = decide(one, late, Address(9, 0), B2B, 0).changes
    one.rollback()
    assert decide(one, late, Address(9, 0), B2B, 0).changes == first


def test_a_state_of_an_unknown_format_stops_the_partition() -> None:
    row = visited(1)
    row.state = b"\xff" + row.state[1:]
    with pytest.raises(Halted, match="format 255"):
        row.load().fold  # noqa: B018 - reading it decodes


def test_size_counts_the_stored_bytes() -> None:
    row = visited(2)
    assert row.load().size_bytes > len(row.state) + len(row.log)
