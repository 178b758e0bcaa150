"""Whose organisation an address speaks of: the lists, and the rule that reads them."""

import builtins
import re
import socket
from typing import Any

import pytest

from app.domain.account_key import account_of_domain, account_of_email
from app.models.lists import disposable_domains, free_mail_domains, registrable_domain

EXCLUDED = free_mail_domains() | disposable_domains()


@pytest.mark.parametrize(
    ("address", "account"),
    [
        ("ada@firm.example", "firm.example"),
        ("Ada.Lovelace@Mail.FIRM.co.uk", "firm.co.uk"),
        (" ada@firm.de ", "firm.de"),
        ("ada@firm.de.", "firm.de"),
        ("ada@müller.de", "xn--mller-kva.de"),
        ("ada@xn--mller-kva.de", "xn--mller-kva.de"),
        ("ada@straße.de", "xn--strae-oqa.de"),
        ('"a@b"@firm.de', "firm.de"),
        ("ada@shop.city.kawasaki.jp", "city.kawasaki.jp"),
    ],
)
def test_an_address_speaks_of_the_domain_its_organisation_registered(
    address: str, account: str
) -> None:
    assert account_of_email(address, EXCLUDED, registrable_domain) == account


@pytest.mark.parametrize(
    "address",
    [
        "ada@gmail.com", "ada@GMX.de", "ada@Yahoo.co.jp", "ada@web.de", "ada@mailinator.com",
        "ada@inbox.mailinator.com",
    ],
)  # fmt: skip
def test_a_free_or_disposable_mailbox_speaks_of_no_organisation(address: str) -> None:
    assert account_of_email(address, EXCLUDED, registrable_domain) is None


@pytest.mark.parametrize(
    "address",
    [
        "", "@", "ada", "ada@", "@firm.de", "ada@localhost", "ada@co.uk", "ada@com", "ada@[::1]",
        "ada@192.0.2.7", "ada@firm..de", "ada@-firm.de", "ada@firm_x.de", "ada@firm.de>",
        "Ada <ada@firm.de", "ada@a.de,bob@b.de", "ada@" + "a" * 64 + ".de", "a" * 250 + "@b.de",
        "ada@firm .de", "ada@\u202efirm.de", "ada@\ud800.de",
    ],
)  # fmt: skip
def test_what_is_no_address_speaks_of_no_organisation(address: str) -> None:
    assert account_of_email(address, EXCLUDED, registrable_domain) is None


def test_a_domain_is_excluded_with_all_that_is_below_it() -> None:
    excluded = frozenset({"mail.firm.de"})
    assert account_of_domain("eu.mail.firm.de", excluded, registrable_domain) is None
    assert account_of_domain("eu.firm.de", excluded, registrable_domain) == "firm.de"


def test_every_free_mail_domain_is_one_as_it_is_written() -> None:
    plain = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
    assert [name for name in free_mail_domains() if not plain.fullmatch(name)] == []
    assert [name for name in free_mail_domains() if registrable_domain(name) is None] == []
    assert len(free_mail_domains()) > 500


@pytest.mark.parametrize("firm", ["siemens.com", "orange.com", "google.com", "facebook.com",
                                  "alibaba.com", "microsoft.com", "telekom.de"])  # fmt: skip
def test_a_firm_is_no_provider(firm: str) -> None:
    assert account_of_email(f"ada@{firm}", EXCLUDED, registrable_domain) == firm


def test_the_suffixes_need_no_network_and_write_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from app.models.lists import _suffixes

    real = builtins.open

    def only_reading(file: Any, mode: str = "r", *more: Any, **named: Any) -> Any:
        assert not set(mode) & set("wax+")
        return real(file, mode, *more, **named)

    def unreachable(*_: Any) -> None:
        raise AssertionError("the network is asked")

    monkeypatch.setattr(socket.socket, "connect", unreachable)
    monkeypatch.setattr(builtins, "open", only_reading)
    _suffixes.cache_clear()
    registrable_domain.cache_clear()
    assert registrable_domain("a.firm.co.uk") == "firm.co.uk"
