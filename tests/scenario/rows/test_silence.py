"""Old news moves state with its true date and tells nobody; an import comes to rest first."""

import pytest

from tests.unit.domain.story import HOUR, WAIT, Step, Story, at_stage, moment

MINUTE = 1 / 1_440
SECOND = 1 / 86_400
FACT = "qualification.recorded"
OLD = {"after": 7.001}
BACKFILL = {"after": 0.1, "backfill": True}


@pytest.mark.parametrize("how", [OLD, BACKFILL], ids=["7 days late", "backfill"])
def test_old_news_sends_no_signal_hands_nothing_over_and_starts_no_clock(
    how: dict[str, float],
) -> None:
    one = Story().play(("demo.requested", 1, how))
    assert one.moves == ["T1 lead", "T2 prospect", "T3 opportunity"]
    assert {each.effective_at for each in one.changes} == {moment(1)}
    assert (one.said, one.opportunities) == ([], ["became"])
    assert one.contact.fold.clocks == {}
    one.tell("handoff.rejected", 8.5)  # nobody was asked
    assert one.stage == "opportunity"


def test_7_days_late_is_not_old_yet() -> None:
    one = Story().play(("demo.requested", 1, {"after": 7}))
    assert one.said[0] == "handoff_requested"
    assert one.due("handoff_accept") == "2026-03-10T17:00:00Z"  # from the arrival


def test_what_follows_old_news_is_told() -> None:
    one = Story().play(("demo.requested", 1, BACKFILL), ("deal.lost", 3, {}))
    assert (one.opportunities, one.said) == (["became", "closed lost"], [])
    one.tell("deal.reopened", 4)
    assert one.said == ["handoff_requested", "qualification_needed"]


def test_timers_of_an_import_move_with_their_date_and_tell_nobody() -> None:
    """Signed up on day 1, told on day 300: dormant since day 181."""
    one = Story().play(("newsletter.signed_up", 1, {"after": 299, "backfill": True}))
    one.wait(300 + 2 * MINUTE)
    assert one.moves == ["T1 lead", "T10 recycled"]
    assert one.changes[-1].effective_at == moment(181)
    assert one.said == []


def test_an_import_rests_for_60_seconds_before_its_timers_fire() -> None:
    one = Story().play(("newsletter.signed_up", 1, {"after": 299, "backfill": True}))
    assert one.contact.check_at == moment(300) + HOUR // 60
    one.wait(300 + 59 * SECOND)
    assert one.moves == ["T1 lead"]
    one.tell("email.replied", 150, after=150 + 50 * SECOND, backfill=True)
    one.wait(300 + 109 * SECOND)
    assert one.moves == ["T1 lead", "T2 prospect"]
    one.wait(300 + 111 * SECOND)
    assert one.moves == ["T1 lead", "T2 prospect", "T9 recycled"]


def test_a_timer_whose_cause_came_7_days_after_its_due_is_old_news() -> None:
    for late, said in ((188.001, []), (187.9, ["nurture_requested educate"])):
        one = Story().play(("newsletter.signed_up", 1, {"after": late - 1})).forget()
        one.wait(late)
        assert (one.moves, one.said) == (["T10 recycled"], said)


def test_a_late_fold_does_not_repeat_what_timers_said_long_ago() -> None:
    """More breaches than are kept in mind: each demo is followed up by nobody."""
    steps: list[Step] = []
    for n in range(20):
        steps += [("demo.requested", 1 + 40 * n, {}), (WAIT, 39 + 40 * n, {})]
    one = Story().play(*steps)
    assert len([each for each in one.said if each.startswith("sla_breached")]) > 20
    one.forget().tell("email.opened", 0.5, after=800)
    assert (one.changes, one.said) == ([], [])
    one.tell("email.opened", 780, after=0.5)
    assert (one.changes, one.said) == ([], [])


def test_a_correction_leaves_an_open_hand_off_and_its_answer() -> None:
    one = Story().play(("demo.requested", 3, {})).forget()
    one.tell("pricing.requested", 2.5, after=0.7)
    assert [each.kind for each in one.changes] == ["corrected"] * 3
    assert not [each for each in one.said if "handoff" in each]
    one.tell("handoff.accepted", 3.3)
    one.tell("webinar.attended", 2, after=2)
    one.tell("handoff.rejected", 5)
    assert one.stage == "opportunity"


def test_nurture_is_silent_for_those_who_opted_out_of_marketing() -> None:
    one = Story().play(
        ("contact.opted_out", 0, {"scope": "marketing"}),
        (FACT, 0.5, {"criterion": "industry", "value": "met"}),
        ("email.replied", 1, {}),
    )
    assert (one.moves, one.said) == (["T1 lead", "T2 prospect"], [])


def test_the_first_and_last_touch_are_those_up_to_the_transition() -> None:
    one = Story().play(
        ("campaign.contacted", 0, {}),
        ("newsletter.signed_up", 1, {"channel": "web", "campaign_id": "may"}),
        ("email.replied", 2, {"channel": "email"}),
        ("webinar.attended", 3, {"channel": "webinar"}),
    )
    touches = [(each.view.first_touch, each.view.last_touch) for each in one.changes]
    assert [(first and first.channel, last and last.channel) for first, last in touches] == [
        ("ads", "web"),
        ("ads", "email"),
    ]
    assert touches[0][0] is not None
    assert touches[0][0].campaign_id == "spring"


def test_two_deals_keep_an_opportunity_until_the_last_is_lost_or_one_is_won() -> None:
    deals: list[Step] = [("deal.updated", 1, {"deal_id": d, "event_id": d}) for d in "ab"]
    one = at_stage("opportunity").play(*deals, ("deal.lost", 2, {"deal_id": "a"}))
    assert one.moves == []
    one.play(("deal.won", 3, {"deal_id": "b"}))
    assert one.moves == ["T5 customer"]
