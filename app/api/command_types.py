"""What people decide about a contact, by the names of the HTTP interface."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from app.api.principal import Scope


class CommandType(NamedTuple):
    type: str
    """The interaction that says so."""
    example: Mapping[str, Any]
    """Its data."""
    scope: Scope = Scope.CONTACTS_COMMAND


_TRANSITION: Final = "0f8fad5bd9cb469fa16570867728950e"

COMMANDS: Final[Mapping[str, CommandType]] = {
    "accept_handoff": CommandType("handoff.accepted", {"transition_id": _TRANSITION}),
    "reject_handoff": CommandType(
        "handoff.rejected", {"transition_id": _TRANSITION, "reason": "no budget this year"}
    ),
    "log_call": CommandType(
        "phone.call_held", {"direction": "outbound", "duration_s": 240, "outcome": "connected"}
    ),
    "log_meeting": CommandType("meeting.held", {"with": ["buyer"], "product_id": "analytics"}),
    "record_fact": CommandType("qualification.recorded", {"criterion": "industry", "value": "met"}),
    "assign": CommandType("owner.assigned", {"user": "u-17"}),
    "override": CommandType(
        "stage.override", {"to_stage": "prospect", "reason": "met at the fair", "pin_days": 30}
    ),
    "disqualify": CommandType("contact.disqualified", {"reason": "competitor"}),
    "retract": CommandType(
        "event.retracted",
        {"event_id": "5b1f0c52", "event_source": "https://shop.example/forms", "reason": "test"},
    ),
    "link": CommandType("identity.linked", {"other": "crm-10230", "evidence": "same login"}),
    "unlink": CommandType("identity.unlinked", {"other": "crm-10230", "evidence": "two people"}),
    "erase": CommandType(
        "privacy.erasure_requested", {"request_id": "privacy-2026-118"}, Scope.CONTACTS_ERASE
    ),
}
