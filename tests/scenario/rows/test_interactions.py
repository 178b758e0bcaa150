"""The catalogue of interactions: what each type does to a contact."""

from typing import Any

import msgspec
import pytest

from app.domain.changes import Touch
from app.domain.erasure import erase
from app.domain.identity import EVIDENCE, LINKED, UNLINKED, WITHDRAWN
from app.domain.interaction import Interaction
from tests.scenario.rows.catalogue import row
from tests.unit.domain.story import B2B, SECOND, Story, at_stage, interaction

DAY_S = 86_400
SETTLED = 3 * SECOND / (DAY_S * SECOND)
"""Days by which a click has settled."""
FACT = "qualification.recorded"
STARTS = ("none", "lead", "prospect", "recycled")
# Where one interaction takes a contact from each of these stages: what its class is.
NOTHING = STARTS
ONE_WAY = ("lead", "lead", "prospect", "recycled")
TWO_WAY = ("prospect",) * 4
INTENT = ("opportunity",) * 4


def taken(kind: str, **options: Any) -> tuple[str, ...]:
    """From each of STARTS."""
    found = []
    for stage in STARTS:
        one = at_stage(stage)
        one.tell(kind, 1, **options)
        one.wait(1 + SETTLED)
        found.append(one.stage)
    return tuple(found)


def points(kind: str, half_life_days: int, **options: Any) -> tuple[float, float]:
    """Engagement at once, and a half-life later."""
    one = at_stage("lead")
    one.tell(kind, 1, **options)
    one.wait(1 + SETTLED)
    now, later = one.view(1), one.view(1 + half_life_days)
    return round(now.engagement / 1000, 1), round(later.engagement / 1000, 1)


def fold(kind: str, day: float = 1, stage: str = "lead", **options: Any) -> Story:
    one = at_stage(stage)
    one.tell(kind, day, **options)
    return one


@row("4:website.visited")
def test_a_visit_is_one_way_and_coming_back_to_product_pages_is_weakly_two_way(row: str) -> None:
    assert taken("website.visited") == ONE_WAY
    assert points("website.visited", 15) == (1, 0.5)
    one = Story()
    for n in range(8):
        one.tell("website.visited", 0.01 * n)
    assert round(one.view(0.07).engagement / 1000) == 5
    for day, stage in ((0.2, "lead"), (1, "lead"), (1.5, "lead"), (2, "prospect")):
        one.tell("website.visited", day, page_kind="pricing")
        assert one.stage == stage
    plain = Story()
    for day in range(4):
        plain.tell("website.visited", day, page_kind="blog")
    assert plain.stage == "lead"


@row("4:newsletter.signed_up")
def test_a_newsletter_makes_a_lead_that_is_nurtured(row: str) -> None:
    assert taken("newsletter.signed_up") == ONE_WAY
    assert points("newsletter.signed_up", 30) == (5, 2.5)
    one = Story()
    one.tell("newsletter.signed_up", 1)
    assert (one.moves, one.said) == (["T1 lead"], ["nurture_requested educate"])


@row("4:content.downloaded")
def test_a_download_is_one_way(row: str) -> None:
    assert taken("content.downloaded") == ONE_WAY
    assert points("content.downloaded", 30) == (8, 4)


@row("4:form.submitted")
def test_a_form_links_the_visitor_who_filled_it_in_reversibly(row: str) -> None:
    assert taken("form.submitted") == ONE_WAY
    assert points("form.submitted", 30) == (10, 5)
    one = Story()
    decision = one.tell("form.submitted", 1, event_id="f", visitor_id="cookie-9")
    (link,) = decision.commands
    assert (link.contact_id, link.type, link.data["other"]) == ("cookie-9", LINKED, "crm-1")
    back = one.hear(retraction("f", 3))
    (unlink,) = back.commands
    assert (unlink.contact_id, unlink.type) == ("cookie-9", "event.retracted")
    assert unlink.data["event_id"] == link.id


@row("4:social.connected, social.engaged")
def test_social_contact_is_one_way(row: str) -> None:
    assert taken("social.connected") == taken("social.engaged") == ONE_WAY
    assert points("social.connected", 30) == (3, 1.5)
    assert points("social.engaged", 30) == (2, 1)


@row("4:webinar.attended")
def test_a_webinar_is_one_way(row: str) -> None:
    assert taken("webinar.attended") == ONE_WAY
    assert points("webinar.attended", 30) == (10, 5)


@row("4:email.opened")
def test_an_opened_mail_makes_no_lead_and_keeps_no_timer_awake(row: str) -> None:
    assert taken("email.opened") == NOTHING
    assert points("email.opened", 30) == (0, 0)
    one = at_stage("lead")
    before = one.due("lead_dormant"), one.due("retention_due")
    one.tell("email.opened", 100)
    assert (one.due("lead_dormant"), one.due("retention_due")) == before
    one.wait(180)
    assert one.moves == ["T10 recycled"]


@row("4:email.link_clicked")
def test_a_click_is_weakly_two_way(row: str) -> None:
    assert taken("email.link_clicked") == ONE_WAY
    assert points("email.link_clicked", 30) == (5, 2.5)
    one = at_stage("lead")
    for n in range(4):
        one.tell("email.link_clicked", 1 + n / 100, message_id=f"m{n}")
    one.wait(1.1)
    assert (one.stage, round(one.view(1.1).engagement / 1000)) == ("lead", 10)
    one.tell("email.link_clicked", 2)
    one.wait(2 + SETTLED)
    assert one.moves == ["T2 prospect"]


@row("4:email.replied")
def test_a_reply_is_two_way_unless_a_machine_wrote_it(row: str) -> None:
    assert taken("email.replied") == TWO_WAY
    assert taken("email.replied", is_auto_reply=True) == NOTHING
    assert points("email.replied", 45) == (20, 10)


@row("4:phone.call_held")
def test_a_call_is_two_way_if_somebody_answered(row: str) -> None:
    assert taken("phone.call_held") == TWO_WAY
    for outcome in ("no_answer", "voicemail"):
        assert taken("phone.call_held", outcome=outcome) == NOTHING
        assert points("phone.call_held", 45, outcome=outcome) == (0, 0)
    assert points("phone.call_held", 45) == (20, 10)
    assert points("phone.call_held", 45, direction="inbound") == (25, 12.5)


@row("4:tradeshow.contact_made")
def test_a_booth_without_a_talk_is_one_way(row: str) -> None:
    assert taken("tradeshow.contact_made") == TWO_WAY
    assert taken("tradeshow.contact_made", conversation=False) == ONE_WAY
    assert points("tradeshow.contact_made", 45) == (15, 7.5)
    assert points("tradeshow.contact_made", 45, conversation=False) == (15, 7.5)


@row("4:social.question_asked")
def test_a_question_is_two_way(row: str) -> None:
    assert taken("social.question_asked") == TWO_WAY
    assert points("social.question_asked", 45) == (15, 7.5)


@row("4:demo.requested")
def test_a_demo_request_is_intent(row: str) -> None:
    assert taken("demo.requested") == INTENT
    assert points("demo.requested", 60) == (40, 20)


@row("4:pricing.requested")
def test_asking_for_prices_is_intent(row: str) -> None:
    assert taken("pricing.requested") == INTENT
    assert points("pricing.requested", 60) == (40, 20)


@row("4:trial.started")
def test_a_trial_is_intent_and_its_end_is_known(row: str) -> None:
    assert taken("trial.started") == INTENT
    assert points("trial.started", 60) == (40, 20)
    # A date without a time means its end: 2026-03-16 ends with the day, three days before that.
    assert fold("trial.started").due("trial_ending") == "2026-03-14T00:00:00Z"


@row("4:decision_deadline.communicated")
def test_a_deadline_is_intent_unless_it_had_passed_when_stated(row: str) -> None:
    kind = "decision_deadline.communicated"
    assert taken(kind) == INTENT
    assert points(kind, 60) == (40, 20)
    assert taken(kind, deadline="2026-03-02") == TWO_WAY  # stated on day 1, 2026-03-03
    assert taken(kind, deadline="2026-03-03") == INTENT  # that day's end is ahead


@row("4:campaign.contacted")
def test_our_own_campaign_is_no_sign_of_life_and_the_origin_of_who_had_shown_none(
    row: str,
) -> None:
    assert taken("campaign.contacted") == NOTHING
    assert points("campaign.contacted", 30) == (0, 0)
    one = Story()
    one.tell("campaign.contacted", 1)
    one.tell(FACT, 2, criterion="need", value="met")
    assert one.contact.fold.is_outbound
    assert (one.view(3).temperature, one.said) == ("cold", [])
    assert one.view(3).first_touch == Touch("ads", "spring")
    other = Story()
    other.tell("newsletter.signed_up", 1)
    other.tell("campaign.contacted", 2)
    assert not other.contact.fold.is_outbound


@row("4:qualification.recorded")
def test_the_last_fact_of_a_criterion_counts_until_its_date_and_no_older_one_returns(
    row: str,
) -> None:
    assert taken(FACT) == NOTHING
    one = Story()
    one.tell(FACT, 0, criterion="industry", value="met")
    one.tell(FACT, 0, criterion="need", value="met")
    assert one.view(1).organisation == "met"
    one.tell(FACT, 1, criterion="need", value="met", valid_until="2026-03-04", confidence=0.1)
    assert (one.view(2.9).organisation, one.view(3.1).organisation) == ("met", "unknown")
    one.tell(FACT, 4, criterion="authority", value="influencer")
    one.tell(FACT, 4, criterion="can_use", value="met")
    one.tell(FACT, 4, criterion="wants", value="not_met")
    seen = one.view(4)
    assert (seen.stakeholder, seen.opportunity) == ("met", "not_met")
    one.tell(FACT, 5, criterion="authority", value="none")
    assert one.view(5).stakeholder == "not_met"


@row("4:handoff.accepted, handoff.rejected")
def test_an_answer_counts_for_the_hand_off_that_is_open_and_a_second_changes_nothing(
    row: str,
) -> None:
    assert taken("handoff.accepted") == taken("handoff.rejected") == NOTHING
    one = Story()
    one.tell("handoff.accepted", 0)
    one.tell("demo.requested", 1)
    assert one.due("handoff_accept") is not None
    one.tell("handoff.accepted", 1.2, transition_id="any")
    assert one.due("handoff_accept") is None
    one.tell("handoff.rejected", 1.3)
    assert one.stage == "opportunity"
    assert [each for each in one.said if "handoff" in each] == ["handoff_requested"]


@row("4:meeting.held, demo.held")
def test_a_meeting_is_two_way_and_a_sales_interaction(row: str) -> None:
    assert taken("meeting.held") == taken("demo.held") == TWO_WAY
    assert points("meeting.held", 45) == points("demo.held", 45) == (15, 7.5)
    for kind in ("meeting.held", "demo.held"):
        one = Story()
        one.tell("demo.requested", 1)
        assert one.due("hot_followup") is not None
        one.tell(kind, 1.1)
        assert one.due("hot_followup") is None


@row("4:quote.sent")
def test_a_quote_is_an_offer_until_its_date_or_the_end_of_the_opportunity(row: str) -> None:
    assert taken("quote.sent") == NOTHING
    one = fold("quote.sent", 1, "opportunity", valid_until="2026-03-10")
    assert [one.view(day).has_offer for day in (1, 8.9, 9.1)] == [True, True, False]
    other = fold("quote.sent", 1, "opportunity")
    other.tell("deal.lost", 2)
    assert not other.view(2).has_offer


@row("4:deal.updated")
def test_a_deal_is_open_from_its_first_update_with_what_was_last_said(row: str) -> None:
    assert taken("deal.updated") == NOTHING
    one = fold("deal.updated", 1, "opportunity", amount=5, currency="EUR", probability=0.2)
    one.tell("deal.updated", 2, probability=0.7, expected_close="2026-05-01")
    deal = one.contact.fold.open_deals["d"]
    assert (deal.amount, deal.currency, deal.probability) == (5, "EUR", 0.7)
    assert deal.expected_close == "2026-05-01"


@row("4:deal.won, deal.lost, deal.reopened")
def test_a_deal_ends_won_or_lost_and_may_be_reopened(row: str) -> None:
    assert taken("deal.won") == ("customer",) * 4
    assert taken("deal.lost") == taken("deal.reopened") == NOTHING
    one = at_stage("opportunity")
    one.tell("deal.updated", 1)
    one.tell("deal.lost", 2)
    assert (one.stage, one.contact.fold.open_deals) == ("lost", {})
    one.tell("deal.updated", 3)
    assert one.contact.fold.open_deals == {}
    one.tell("deal.reopened", 4)
    assert (one.stage, [*one.contact.fold.open_deals]) == ("opportunity", ["d"])


@row("4:owner.assigned")
def test_the_owner_is_who_was_last_assigned(row: str) -> None:
    assert taken("owner.assigned") == NOTHING
    one = fold("owner.assigned")
    one.tell("owner.assigned", 2, user="rep-8")
    assert one.view(2).owner == "rep-8"


@row("4:contact.profiled")
def test_a_profile_stays_in_the_profile_alone(row: str) -> None:
    assert taken("contact.profiled") == NOTHING
    one = fold("contact.profiled", email="ada@firm.example")
    assert one.view(1).fit == 5_000
    change = one.contact.take_change()
    assert change is not None
    stored = change[0].state + change[0].log_head
    assert not any(word in stored for word in (b"Ada", b"Engines", b"ada@"))


@row("4:customer.renewed")
def test_a_renewal_moves_nothing_and_is_a_sales_activity(row: str) -> None:
    assert taken("customer.renewed") == NOTHING
    one = fold("customer.renewed", 10, "customer")
    assert (one.stage, one.due("retention_due")) == ("customer", "2029-03-12T00:00:00Z")


@row("4:customer.churned")
def test_only_a_customer_can_churn(row: str) -> None:
    assert taken("customer.churned") == NOTHING
    one = fold("customer.churned", 1, "customer")
    assert (one.moves, one.view(1).is_customer) == (["T16 recycled"], False)


@row("4:contact.opted_out, contact.opted_in")
def test_consent_is_per_scope_and_comes_back_with_the_word(row: str) -> None:
    assert taken("contact.opted_out") == taken("contact.opted_in") == NOTHING
    one = fold("contact.opted_out")
    one.tell("email.replied", 2)
    assert one.stage == "lead"
    one.tell("contact.opted_in", 3)
    one.tell("email.replied", 4)
    assert one.stage == "prospect"
    other = fold("contact.opted_out", scope="marketing")
    other.tell("email.replied", 2)
    assert (other.moves, other.said) == (["T2 prospect"], ["qualification_needed"])


@row("4:contact.disqualified")
def test_a_person_disqualifies_for_good(row: str) -> None:
    assert taken("contact.disqualified") == ("none", *["disqualified"] * 3)
    one = fold("contact.disqualified")
    one.tell(FACT, 2)
    one.tell("demo.requested", 3)
    assert one.moves == ["T13 disqualified"]


@row("4:identity.linked, identity.unlinked")
def test_a_link_gives_the_history_to_the_primary_and_unlinking_gives_it_back(row: str) -> None:
    one = fold("email.replied", 1, "none")
    linked = one.forget().tell(LINKED, 2, other="crm-2", evidence="e", actor="rep-7")
    assert (one.stage, one.moves) == ("none", ["revoked T2 prospect", "revoked T1 lead"])
    assert [(each.contact_id, each.type) for each in linked.commands] == [("crm-2", EVIDENCE)]
    back = one.forget().tell(UNLINKED, 3, other="crm-2", evidence="e", actor="rep-7")
    assert (one.stage, one.moves) == ("prospect", ["T1 lead", "T2 prospect"])
    assert [(each.contact_id, each.type) for each in back.commands] == [("crm-2", WITHDRAWN)]


@row("4:account.linked")
def test_the_account_is_the_one_that_was_last_told(row: str) -> None:
    assert taken("account.linked") == NOTHING
    assert fold("account.linked").view(1).account_id == "acme"
    assert fold("account.linked", account_id=None, domain="firm.de").view(1).account_id == "firm.de"


@row("4:stage.override")
def test_a_person_needs_a_reason_and_a_name(row: str) -> None:
    assert taken("stage.override", to_stage="lost") == ("lost",) * 4
    for missing in ("actor", "reason"):
        assert taken("stage.override", to_stage="lost", **{missing: ""}) == NOTHING


def retraction(event_id: str, day: float, source: str = "/a") -> Interaction:
    """That this one does not count."""
    told = interaction("event.retracted", day, f"retract-{event_id}-{day}")
    data = {"event_id": event_id, "event_source": source, "reason": "bot"}
    return msgspec.structs.replace(told, data=data)


@row("4:event.retracted")
@pytest.mark.parametrize("first", ["the target", "the retraction"])
def test_what_is_retracted_never_counted_whichever_came_first(row: str, first: str) -> None:
    one = Story()
    one.tell("newsletter.signed_up", 0)
    if first == "the target":
        one.tell("demo.requested", 1, event_id="d")
        assert one.stage == "opportunity"
        one.hear(retraction("d", 5))
        assert [each.kind for each in one.changes[-2:]] == ["revoked", "revoked"]
        assert one.opportunities == ["became", "revoked"]
        assert one.said[-3:] == [
            "handoff_withdrawn",
            "nurture_requested educate",
            "temperature_changed hot cold",
        ]
    else:
        one.hear(retraction("d", 0.5))
        one.tell("demo.requested", 1, event_id="d")
        assert (one.moves, one.said) == (["T1 lead"], ["nurture_requested educate"])
    state = one.contact.fold
    assert (one.stage, one.view(6).engagement < 5_000, state.last_intent) == ("lead", True, None)
    assert one.due("lead_dormant") == "2026-08-29T00:00:00Z"  # a retraction is no activity
    # The same identity stays retracted, also when its retraction is.
    one.hear(retraction("retract-d-5" if first == "the target" else "retract-d-0.5", 7))
    assert one.tell("demo.requested", 1, event_id="d").verdict.value == "duplicate"
    assert one.stage == "lead"


@row("4:privacy.erasure_requested")
def test_an_erasure_leaves_nothing_but_that_it_was(row: str) -> None:
    one = fold("demo.requested", 1, "none")
    request = interaction("privacy.erasure_requested", 2, request_id="r-1")
    erasure = erase(one.contact, request, B2B)
    change = erasure.change
    assert (change.transition, change.from_stage, change.to_stage) == (
        "T18",
        "opportunity",
        "erased",
    )
    assert (change.opportunity, change.outcome, change.evidence) == ("closed", "erased", ())
    assert erasure.withdrawn is not None
    assert (one.stage, one.contact.timeline()) == ("erased", [])
