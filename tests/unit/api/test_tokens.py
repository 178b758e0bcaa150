import hashlib
import json

import pytest

from app.api.principal import Principal, Scope
from app.api.tokens import find, read_tokens
from app.errors import SettingsError
from tests.unit.api.asking import stored_token

GOOD = stored_token("crm", ["contacts:read"], tenant="acme")


def test_a_token_is_found_by_its_hash() -> None:
    tokens = read_tokens(json.dumps([GOOD]))
    assert find(tokens, "crm") == Principal("acme", frozenset({Scope.CONTACTS_READ}), "crm")
    assert find(tokens, GOOD["sha256"]) is None


def test_tokens_may_be_written_as_yaml() -> None:
    digest = hashlib.sha256(b"secret").hexdigest()
    text = f"- name: crm\n  sha256: {digest}\n  scopes: [interactions:write]\n"
    assert find(read_tokens(text), "secret") == Principal(
        "default", frozenset({Scope.INTERACTIONS_WRITE}), "crm"
    )


def test_without_tokens_nobody_is_known() -> None:
    assert read_tokens(" \n") == {}


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"sha256": "c0ffee"}, r"\$\[0\].sha256"),
        ({"scopes": ["contacts:rule"]}, r"\$\[0\].scopes\[0\]"),
        ({"tenant": "a/b"}, r"\$\[0\].tenant"),
        ({"name": ""}, r"\$\[0\].name"),
        ({"token": "secret"}, "is not valid"),
    ],
)
def test_a_wrong_token_says_where_and_not_what(wrong: dict[str, object], where: str) -> None:
    with pytest.raises(SettingsError, match=where) as told:
        read_tokens(json.dumps([{**GOOD, **wrong}]))
    assert "FUNNEL_API__TOKENS" in str(told.value)
    assert GOOD["sha256"] not in str(told.value)


@pytest.mark.parametrize("text", ["{", "tokens", "{}", "- {name: x}"])
def test_what_is_no_list_of_tokens_is_a_wrong_setting(text: str) -> None:
    with pytest.raises(SettingsError, match="write a list"):
        read_tokens(text)


@pytest.mark.parametrize("same", ["name", "sha256"])
def test_two_tokens_share_neither_name_nor_secret(same: str) -> None:
    other = {**stored_token("shop", []), same: GOOD[same]}
    with pytest.raises(SettingsError, match="twice"):
        read_tokens(json.dumps([GOOD, other]))
