"""`funnel contact erase` asks before it does what can't be undone."""

from app.cli.erasing import _event
from app.domain.erasure import ERASURE
from tests.unit.cli.test_command import NOWHERE, funnel


def test_it_does_nothing_without_a_yes() -> None:
    answer = funnel("contact", "erase", "crm-1", "--request-id", "r-7", text="n\n")
    assert answer.returncode == 1
    assert "can't be undone" in answer.stdout + answer.stderr
    assert "asked for" not in answer.stdout


def test_it_needs_the_id_of_a_request() -> None:
    assert funnel("contact", "erase", "crm-1", "--yes").returncode == 2


def test_what_the_service_would_refuse_is_not_sent() -> None:
    answer = funnel("contact", "erase", "crm-1", "--request-id", "x" * 300, "--yes",
                    environment=NOWHERE)  # fmt: skip
    assert answer.returncode == 1
    assert "schema_violation" in answer.stderr


def test_the_command_names_contact_tenant_request_and_who_asks() -> None:
    event = _event("crm-1", "r-7", "jo", "acme")
    assert (event["type"], event["subject"], event["tenantid"]) == (ERASURE, "crm-1", "acme")
    assert event["data"] == {"request_id": "r-7", "actor": "jo"}
