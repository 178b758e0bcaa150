"""T18: what is told of a contact for the last time, and that nothing of it stays."""

import pytest

from app.domain.book import Told
from app.domain.erasure import ERASED, ERASURE, Erasure, erase
from app.domain.identity import WITHDRAWN
from app.domain.state import LEAD, NONE, OPPORTUNITY
from tests.unit.domain.story import Story, interaction, moment


def erased(story: Story, day: float = 10, event_id: str = "e-1") -> Erasure:
    asked = interaction(ERASURE, day, event_id=event_id, request_id="r-7")
    return erase(story.contact, asked, story.rules)


@pytest.mark.parametrize(
    ("told", "stage"),
    [
        ((), NONE),
        (("newsletter.signed_up",), LEAD),
        (("demo.requested",), OPPORTUNITY),
        (("demo.requested", "deal.won"), "customer"),
        (("demo.requested", "deal.lost"), "lost"),
        (("newsletter.signed_up", "contact.disqualified"), "disqualified"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_t18_leaves_the_stage_that_is_held(told: tuple[str, ...], stage: str) -> None:
    story = Story()
    for day, kind in enumerate(told):
        story.tell(kind, day)
    seq = story.contact.seq
    change = erased(story).change
    assert (change.transition, change.from_stage, change.to_stage) == ("T18", stage, ERASED)
    assert (change.seq, change.view.stage) == (seq + 1, ERASED)


def test_leaving_opportunity_closes_it_and_withdraws_the_open_handoff() -> None:
    story = Story()
    story.tell("demo.requested")
    (asked,) = [said for said in story.signals if said.kind == "handoff_requested"]
    erasure = erased(story)
    assert (erasure.change.opportunity, erasure.change.outcome) == ("closed", "erased")
    assert erasure.withdrawn is not None
    assert erasure.withdrawn.transition_id == asked.transition_id
    assert erasure.withdrawn.kind == "handoff_withdrawn"


def test_an_answered_handoff_is_not_withdrawn() -> None:
    story = Story()
    story.tell("demo.requested")
    story.tell("handoff.accepted", 0.1)
    assert erased(story).withdrawn is None


def test_other_stages_close_no_opportunity() -> None:
    story = Story()
    story.tell("newsletter.signed_up")
    erasure = erased(story)
    assert (erasure.change.opportunity, erasure.change.outcome) == (None, None)
    assert erasure.withdrawn is None


def test_the_notice_is_the_contacts_last_record() -> None:
    story = Story()
    story.tell("newsletter.signed_up")
    erasure = erased(story)
    assert erasure.notice.seq == erasure.change.seq + 1 == 3
    assert erasure.notice.request_id == "r-7"
    assert erasure.notice.transition_id == erasure.change.transition_id


def test_it_is_never_true_before_the_stage_it_leaves() -> None:
    story = Story()
    story.tell("newsletter.signed_up", 20)
    assert erased(story, day=3).change.effective_at == moment(20)


def test_nothing_personal_is_told_but_the_key() -> None:
    story = Story()
    story.tell("campaign.contacted", 0)
    story.tell("demo.requested", 1, channel="web", campaign_id="spring")
    story.tell("owner.assigned", 2)
    view = erased(story).change.view
    assert (view.owner, view.owner_team, view.account_id) == (None, None, None)
    assert (view.first_touch, view.last_touch) == (None, None)
    assert (view.temperature, view.fit, view.engagement, view.priority) == ("cold", 0, 0, 0)


def test_the_contact_forgets_everything() -> None:
    story = Story()
    for day in range(60):
        story.tell("email.replied", day)
    story.contact.load_sealed([])
    erased(story, 61)
    contact = story.contact
    assert (contact.stage, contact.version, contact.check_at) == (ERASED, 0, None)
    assert contact.timeline() == []
    assert contact.take_change() is None


def test_the_version_is_that_of_the_row_that_goes() -> None:
    story = Story()
    story.tell("newsletter.signed_up")
    story.contact.take_change()
    story.tell("email.replied", 1)
    assert erased(story).version == 1


def test_every_account_it_belonged_to_is_told_that_it_left() -> None:
    story = Story()
    story.tell("newsletter.signed_up")
    story.tell("account.linked", 1, event_id="first", account_id="acme")
    story.tell("account.linked", 2, event_id="second", account_id="bolts")
    story.contact.book.told = Told(account=("bolts", LEAD, False, False, False, False))
    story.contact.take_change()
    words = erased(story).words
    assert {word.account_id for word in words} == {"acme", "bolts", "example.org"}
    assert all(word.member.left and word.member.stage == ERASED for word in words)
    assert {word.member.contact_version for word in words} == {2}


def test_identities_linked_at_that_moment_are_erased_too() -> None:
    story = Story(contact_id="crm-2")
    story.tell("newsletter.signed_up")
    story.tell("identity.linked", 1, other="crm-1", evidence="same mail", actor="jo")
    (command,) = erased(story).commands
    assert (command.contact_id, command.type) == ("crm-1", ERASURE)
    assert command.data["request_id"] == "r-7"
    assert "crm" not in str(command.data)


def test_an_identity_that_was_linked_once_is_told_to_forget_the_key() -> None:
    story = Story(contact_id="crm-2")
    story.tell("newsletter.signed_up")
    story.tell("identity.linked", 1, other="crm-1", evidence="same mail", actor="jo")
    story.tell("identity.unlinked", 2, other="crm-1", evidence="mistake", actor="jo")
    (told,) = erased(story).commands
    assert (told.contact_id, told.type, told.data["is_erased"]) == ("crm-1", WITHDRAWN, True)
    assert "crm-2" not in str(told.data)


def test_what_is_told_is_the_same_on_every_replay() -> None:
    def told() -> Erasure:
        story = Story()
        story.tell("demo.requested")
        return erased(story)

    assert told() == told()
