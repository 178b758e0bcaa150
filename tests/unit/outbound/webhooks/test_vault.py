"""Secrets are sealed to their webhook, and open with any key that is still set."""

from base64 import b64decode
from uuid import uuid4

import pytest

from app.errors import SettingsError
from app.outbound.webhooks.vault import SecretUnreadable, Vault, make_secret
from app.settings import load

ONE, TWO = b"1" * 32, b"2" * 32
ID = uuid4()


def test_a_secret_is_as_standard_webhooks_has_them() -> None:
    assert make_secret().startswith("whsec_")
    assert 24 <= len(b64decode(make_secret().removeprefix("whsec_"))) <= 64
    assert make_secret() != make_secret()


def test_sealed_it_shows_nothing_and_opens_again() -> None:
    sealed = Vault([ONE]).seal(ID, "whsec_x")
    assert b"whsec" not in sealed
    assert Vault([ONE]).open(ID, sealed) == "whsec_x"
    assert sealed != Vault([ONE]).seal(ID, "whsec_x")


def test_of_several_keys_the_first_seals_and_all_open() -> None:
    old = Vault([ONE]).seal(ID, "old")
    vault = Vault([TWO, ONE])
    assert vault.open(ID, old) == "old"
    assert Vault([TWO]).open(ID, vault.seal(ID, "new")) == "new"


def test_one_of_before_a_key_was_set_still_opens() -> None:
    assert Vault([ONE]).open(ID, Vault([]).seal(ID, "plain")) == "plain"


@pytest.mark.parametrize("vault", [Vault([]), Vault([TWO])])
def test_without_its_key_it_does_not_open(vault: Vault) -> None:
    with pytest.raises(SecretUnreadable):
        vault.open(ID, Vault([ONE]).seal(ID, "x"))


def test_put_into_another_webhooks_row_it_does_not_open() -> None:
    with pytest.raises(SecretUnreadable):
        Vault([ONE]).open(uuid4(), Vault([ONE]).seal(ID, "x"))


@pytest.mark.parametrize("key", ["short", "c2hvcnQ=", "ä"])
def test_a_wrong_key_is_a_settings_error_that_does_not_show_it(key: str) -> None:
    with pytest.raises(SettingsError, match="openssl rand -base64 32") as failed:
        load({"FUNNEL_WEBHOOKS__SECRET_KEY": key})
    assert key not in str(failed.value)
