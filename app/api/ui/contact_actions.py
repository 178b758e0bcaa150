"""What people decide on a contact's page: a form's fields, as the command that they mean."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from app.api.problems import wrong_field
from app.api.ui.forms import Form, confirmed

MINUTES_MAX: Final = 16_000
PIN_DAYS_MAX: Final = 3_650

Data = dict[str, Any]


class Action(NamedTuple):
    command: str
    said: str
    """What has been done, once it is."""
    data: Callable[[Form], Data]
    """Problem 422."""


class Criterion(NamedTuple):
    name: str
    kind: str
    """Of its values: fit, authority, date or number."""
    question: str


CRITERIA: Final = (
    Criterion("industry", "fit", "Right sector?"),
    Criterion("need", "fit", "Basic need?"),
    Criterion("authority", "authority", "May decide?"),
    Criterion("budget", "fit", "Budget?"),
    Criterion("pain", "fit", "Is there a pain?"),
    Criterion("interest", "fit", "Wants to solve it?"),
    Criterion("fit", "fit", "Do we want them, can we deliver?"),
    Criterion("can_use", "fit", "Could use it?"),
    Criterion("wants", "fit", "Wants it?"),
    Criterion("problem_since", "date", "Problem since"),
    Criterion("company_size", "number", "Company size"),
)


def _required(form: Form, name: str) -> str:
    if name not in form:
        raise wrong_field(name, "is needed: fill it in")
    return form[name]


def _number(form: Form, name: str, most: float, default: str | None = None) -> float:
    text = form.get(name, default)
    try:
        value = float(text or "")
    except ValueError:
        raise wrong_field(name, "must be a number") from None
    if not 0 <= value <= most:
        raise wrong_field(name, f"must be a number up to {most:,.0f}")
    return value


def _answer(form: Form) -> Data:
    return {"transition_id": _required(form, "transition_id")}


def _rejection(form: Form) -> Data:
    return {**_answer(form), "reason": _required(form, "reason")}


def _call(form: Form) -> Data:
    return {
        "direction": _required(form, "direction"),
        "duration_s": round(_number(form, "minutes", MINUTES_MAX, "0") * 60),
        "outcome": _required(form, "outcome"),
    }


def _fact(form: Form) -> Data:
    name = _required(form, "criterion")
    kinds = {each.name: each.kind for each in CRITERIA}
    if name not in kinds:
        raise wrong_field("criterion", f"must be one of {', '.join(kinds)}")
    value: Any = _required(form, "value")
    if kinds[name] == "number" and value != "unknown":
        value = int(_number(form, "value", 1_000_000_000))
    until = form.get("valid_until")
    return {"criterion": name, "value": value, **({"valid_until": until} if until else {})}


def _owner(form: Form) -> Data:
    return {"user": _required(form, "user")}


def _override(form: Form) -> Data:
    confirmed(form)
    return {
        "to_stage": _required(form, "to_stage"),
        "reason": _required(form, "reason"),
        "pin_days": int(_number(form, "pin_days", PIN_DAYS_MAX, "30")),
    }


def _disqualification(form: Form) -> Data:
    confirmed(form)
    return {"reason": _required(form, "reason")}


ACTIONS: Final[Mapping[str, Action]] = {
    "accept": Action("accept_handoff", "The hand-off is accepted", _answer),
    "reject": Action("reject_handoff", "The hand-off is rejected", _rejection),
    "call": Action("log_call", "The call is logged", _call),
    "fact": Action("record_fact", "The fact is recorded", _fact),
    "assign": Action("assign", "The owner is assigned", _owner),
    "override": Action("override", "The stage is set", _override),
    "disqualify": Action("disqualify", "The contact is disqualified", _disqualification),
}
SAID: Final[Mapping[str, str]] = {each.command: each.said for each in ACTIONS.values()}
