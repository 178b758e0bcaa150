"""Late arrival: history is written again, and every record says what changed."""

from app.domain.changes import Change, Verdict
from tests.unit.domain.story import MONDAY, Story, at_stage

FACT = "qualification.recorded"


def revoked(changes: list[Change]) -> list[str]:
    return [each.transition for each in changes if each.kind == "revoked"]


def test_a_late_interaction_that_changes_no_history_publishes_nothing() -> None:
    one = Story()
    one.tell("demo.requested", 5)
    decision = one.tell("email.opened", 2)
    assert (decision.verdict, decision.changes) == (Verdict.LATE, [])


def test_an_earlier_cause_is_a_correction_of_the_same_transition() -> None:
    one = Story()
    one.tell("newsletter.signed_up", 5)
    late = one.tell("content.downloaded", 2).changes
    assert [each.kind for each in late] == ["corrected"]
    assert late[0].transition_id == one.changes[0].transition_id
    assert late[0].effective_at < one.changes[0].effective_at
    assert late[0].cause.event_id == "content.downloaded@2"
    assert late[0].late


def test_a_transition_that_no_longer_holds_is_revoked_newest_first() -> None:
    one = Story()
    one.tell("demo.requested", 5)
    late = one.tell("contact.opted_out", 2).changes
    assert [(each.kind, each.transition) for each in late] == [("revoked", "T3"), ("revoked", "T2")]
    assert [each.view.stage for each in late] == ["prospect", "lead"]
    assert one.stage == "lead"


def test_a_revocation_names_what_it_takes_back_and_why() -> None:
    one = Story()
    one.tell("demo.requested", 5)
    first, late = one.changes[2], one.tell("contact.opted_out", 2).changes[0]
    assert late.revokes == late.transition_id == first.transition_id
    assert late.effective_at == first.effective_at
    assert late.cause.event_id == "contact.opted_out@2"
    assert late.opportunity == "revoked"


def test_new_transitions_follow_revocations_oldest_first() -> None:
    one = Story()
    one.tell("email.replied", 5)
    one.tell("demo.requested", 7)
    late = one.tell("deal.won", 6).changes
    assert [(each.kind, each.transition) for each in late] == [
        ("corrected", "T3"),
        ("changed", "T5"),
        ("changed", "T15"),
    ]
    assert late[-1].view.stage == one.stage == "opportunity"


def test_every_record_tells_the_stage_that_holds_after_it() -> None:
    one = Story()
    one.tell("email.replied", 5)
    one.tell("demo.requested", 7)
    late = one.tell(FACT, 6, criterion="industry", value="not_met").changes
    assert [(each.kind, each.transition, each.view.stage) for each in late] == [
        ("revoked", "T3", "prospect"),
        ("changed", "T13", "disqualified"),
    ]


def test_revision_counts_what_was_revoked_or_corrected_before() -> None:
    one = Story()
    one.tell("newsletter.signed_up", 9)
    for day in (7, 5, 3):
        one.tell("content.downloaded", day)
    assert [(each.kind, each.revision) for each in one.changes] == [
        ("changed", 0),
        ("corrected", 0),
        ("corrected", 1),
        ("corrected", 2),
    ]


def test_a_transition_that_returns_has_its_id_and_another_revision() -> None:
    one = Story()
    one.tell("email.replied", 9)
    one.tell("contact.opted_out", 2)
    one.tell("contact.opted_in", 3)
    prospect = [each for each in one.changes if each.to_stage == "prospect"]
    assert [(each.kind, each.revision) for each in prospect] == [
        ("changed", 0),
        ("revoked", 0),
        ("changed", 1),
    ]
    assert len({each.transition_id for each in prospect}) == 1


def test_an_exit_taken_back_tells_sales_that_there_is_an_opportunity_again() -> None:
    one = at_stage("opportunity")
    one.tell("deal.lost", 5, deal_id="a")
    late = one.tell("deal.updated", 2, deal_id="b").changes
    assert [(each.kind, each.transition, each.opportunity) for each in late] == [
        ("revoked", "T6", "became")
    ]


def test_a_stage_before_the_opportunity_corrected_leaves_the_opportunity_alone() -> None:
    one = Story()
    one.tell("newsletter.signed_up", 3)
    one.tell("demo.requested", 5)
    late = one.tell("content.downloaded", 1).changes
    assert [(each.kind, each.transition, each.opportunity) for each in late] == [
        ("corrected", "T1", None)
    ]


def test_another_way_into_a_won_deal_ends_with_closed_for_readers_of_opportunities() -> None:
    one = Story()
    one.tell("deal.won", 9)
    late = one.tell("stage.override", 4, to_stage="lost").changes
    heard = [each.opportunity for each in late if each.opportunity]
    assert heard[-1] == "closed"
    assert late[-1].outcome == "won"
    assert late[-1].view.stage == one.stage == "customer"


def test_seq_goes_on_without_a_gap() -> None:
    one = Story()
    one.tell("demo.requested", 5)
    one.tell("contact.opted_out", 2)
    one.tell("contact.opted_in", 3)
    assert [each.seq for each in one.changes] == list(range(1, len(one.changes) + 1))


def test_equal_times_fold_by_source_then_id() -> None:
    one = Story()
    one.tell("newsletter.signed_up", 1, event_id="b", source="/b")
    assert one.tell("newsletter.signed_up", 1, event_id="z", source="/a").verdict is Verdict.LATE
    assert one.tell("newsletter.signed_up", 1, event_id="a", source="/c").verdict is Verdict.APPLIED
    assert one.changes[-1].cause.event_id == "z"


def test_strings_order_by_their_utf8_bytes() -> None:
    """U+FFFF sorts before U+1F600 in UTF-8, after it in UTF-16."""
    one = Story()
    one.tell("newsletter.signed_up", 1, event_id="\U0001f600")
    assert one.tell("newsletter.signed_up", 1, event_id="\uffff").verdict is Verdict.LATE


def test_late_records_carry_the_date_when_it_was_true() -> None:
    one = Story()
    one.tell("newsletter.signed_up", 9)
    late = one.tell("email.replied", 4).changes
    assert {each.effective_at for each in late} == {MONDAY + 4 * 86_400_000_000}
