"""What the evidence log keeps of an interaction: no personal data, and nothing without a bound."""

from typing import Any

import pytest

from app.domain.entry import ROLE_MAILBOX, Entry, entry_of
from app.domain.interaction import Address
from tests.unit.domain.story import B2B, Story, interaction


def entry(kind: str, **options: Any) -> Entry:
    return entry_of(interaction(kind, **options), Address(7, 3), B2B.types[kind], B2B)


def test_nothing_personal_reaches_state_log_or_changes() -> None:
    secrets = ("ada@example.org", "Ada Lovelace", "+49 30 1234", "Engines GmbH", "confided")
    one = Story()
    one.tell("form.submitted", 1, form_id="f", fields={"email": secrets[0], "who": secrets[1]})
    one.tell("contact.profiled", 2, name=secrets[1], phone=secrets[2], company=secrets[3])
    one.tell("email.replied", 3, email=secrets[0], text=secrets[4])
    one.tell("contact.disqualified", 4, reason=f"said to be {secrets[0]}")
    taken = one.contact.take_change()
    assert taken is not None
    stored = taken[0].state + taken[0].log_head + repr(one.changes).encode()
    assert not [secret for secret in secrets if secret.encode() in stored]


def test_only_the_fields_the_model_reads_are_kept() -> None:
    assert entry("phone.call_held").fields == {"direction": "outbound", "outcome": "connected"}
    assert entry("newsletter.signed_up").fields == {"@account": "example.org"}


def test_names_that_others_are_shown_are_kept_as_they_are() -> None:
    one = Story()
    one.tell("owner.assigned", 0, user="u" * 256)
    one.tell("account.linked", 0, account_id="a" * 256)
    assert (one.view(1).owner, one.view(1).account_id) == ("u" * 256, "a" * 256)


@pytest.mark.parametrize(
    ("domain", "account"),
    [("Acme.example", "acme.example"), ("www.acme.example", "acme.example"), ("gmail.com", None)],
)
def test_a_domain_linked_is_the_account_of_those_who_mail_from_there(
    domain: str, account: str | None
) -> None:
    one = Story()
    one.tell("account.linked", 0, account_id=None, domain=domain)
    assert one.view(1).account_id == account


def test_a_long_text_is_kept_as_a_digest() -> None:
    found = entry("deal.updated", deal_id="d" * 9_000).fields
    assert found is not None
    assert len(str(found["deal_id"])) == 33


@pytest.mark.parametrize(
    ("options", "is_role"),
    [
        ({"email": "info@firm.example"}, True),
        ({"email": "Sales@firm.example"}, True),
        ({"email": "Ada <support+x@firm.example>"}, True),
        ({"email": "ada@firm.example"}, False),
        ({"contact_id": "office@firm.example"}, True),
        ({"contact_id": "crm-1"}, False),
        ({"fields": {"mail": "info@firm.example"}}, True),
        ({"fields": {"all": ["x", {"mail": "team@firm.example"}]}}, True),
        ({"url": "https://social.example/@info"}, False),
    ],
)
def test_role_mailboxes_are_seen_anywhere_in_key_and_data(
    options: dict[str, Any], is_role: bool
) -> None:
    assert bool(entry("website.visited", **options).flags & ROLE_MAILBOX) is is_role


def test_the_address_of_the_raw_record_is_kept() -> None:
    found = entry("website.visited")
    assert (found.batch_seq, found.ordinal) == (7, 3)


def test_a_number_too_large_to_store_is_dropped() -> None:
    found = entry("qualification.recorded", criterion="company_size", value=10**30).fields
    assert found == {"criterion": "company_size", "value": None}


@pytest.mark.parametrize(
    ("email", "account"),
    [
        ("ada@engines.example", "engines.example"),
        ("ada@mail.engines.co.uk", "engines.co.uk"),
        ("info@engines.example", "engines.example"),
        ("ada@gmail.com", None),
        ("no address", None),
    ],
)
def test_an_address_names_its_organisation_and_free_mail_none(
    email: str, account: str | None
) -> None:
    story = Story()
    story.tell("newsletter.signed_up", 0, email=email)
    assert story.contact.fold.account_id == account


def test_a_linked_account_wins_over_the_addresses_domain() -> None:
    story = Story()
    story.tell("account.linked", 0, account_id="acme")
    story.tell("newsletter.signed_up", 1, email="ada@engines.example")
    assert story.contact.fold.account_id == "acme"


def test_a_form_may_give_the_address() -> None:
    story = Story()
    story.tell("form.submitted", 0, form_id="f", fields={"email": "ada@engines.example"})
    assert story.contact.fold.account_id == "engines.example"
