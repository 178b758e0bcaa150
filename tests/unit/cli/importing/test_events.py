"""What rows become by a mapping, and what is told of those that become nothing."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from app.cli.importing.events import Refused, as_it_is, event_of, plan_digest
from app.cli.importing.mapping import Cell, Plan, named_alike, read_plan, with_options
from app.errors import FunnelError
from app.inbound.validation import INTERACTION_SCHEMAS, load_schemas

SCHEMAS = load_schemas()
NOTHING = Plan({}, {}, {})


def plan(**parts: Any) -> Plan:
    attributes = {
        "source": "/s", "type": "deal.updated", "subject": Cell("Contact"), **parts
    }  # fmt: skip
    return Plan(attributes, attributes.pop("data", {}), attributes.pop("types", {}))


def event(given: Plan, **cells: Any) -> dict[str, Any]:
    return event_of({"Contact": "crm-1", **cells}, given, SCHEMAS)


@pytest.mark.parametrize(
    ("field", "type_", "text", "value"),
    [
        ("amount", "deal.updated", "1200", 1200),
        ("amount", "deal.updated", " 12.50 ", 12.5),
        ("deal_id", "deal.updated", "0042", "0042"),
        ("conversation", "tradeshow.contact_made", "Yes", True),
        ("conversation", "tradeshow.contact_made", "0", False),
        ("fields", "form.submitted", '{"a": "b"}', {"a": "b"}),
        ("own", "calculator.used", "3", "3"),
    ],
)
def test_a_cell_is_what_the_schema_asks_for(
    field: str, type_: str, text: str, value: object
) -> None:
    made = event(plan(type=type_, data={field: Cell("X")}), X=text)
    assert made["data"] == {field: value}


@pytest.mark.parametrize(
    ("cell", "text", "value"),
    [
        (Cell("X"), "", None),
        (Cell("X", default="d"), " ", "d"),
        (Cell("X", values={"j": True, "": False}), "", False),
        (Cell("X", values={"j": True}), "j", True),
        (Cell("X", as_="number"), "3", 3),
        (Cell("X", as_="list"), "buyer; it lead;", ["buyer", "it lead"]),
        ("constant", "", "constant"),
    ],
)
def test_a_cell_is_read_as_the_mapping_says(cell: Any, text: str, value: Any) -> None:
    assert event(plan(data={"own": cell}), X=text)["data"].get("own") == value


def test_a_hash_is_of_the_address_in_lower_case() -> None:
    given = plan(subject=Cell("Contact", hash="sha256"))
    keys = {event(given, Contact=text)["subject"] for text in ("a@x.example", " A@X.example")}
    assert keys == {hashlib.sha256(b"a@x.example").hexdigest()}


@pytest.mark.parametrize(
    ("cell", "text", "told"),
    [
        (Cell("X"), "1e3", "column X: must be a number"),
        (Cell("X"), "nan", "must be a number"),
        (Cell("X"), "1.2.3", "must be a number"),
        (Cell("X"), "1,200", "must be a number"),
        (Cell("X", values={"j": 1}), "k", "column X: is none of j"),
        (Cell("X", as_="boolean"), "perhaps", "must be yes or no"),
        (Cell("X", as_="json"), "{", "must be JSON"),
    ],
)
def test_what_a_cell_can_not_mean_is_refused(cell: Cell, text: str, told: str) -> None:
    with pytest.raises(Refused, match=told):
        event(plan(data={"amount": cell}), X=text)


def test_a_reason_holds_nothing_of_the_cell() -> None:
    with pytest.raises(Refused) as refused:
        event(plan(data={"amount": Cell("X")}), X="ada@firm.example")
    assert "ada" not in str(refused.value)


@pytest.mark.parametrize(
    ("cell", "text", "moment"),
    [
        (Cell("T"), "2026-03-02T09:14:05Z", "2026-03-02T09:14:05+00:00"),
        (Cell("T", zone="Europe/Berlin"), "2026-07-02 09:14", "2026-07-02T09:14:00+02:00"),
        (Cell("T", format="%d.%m.%Y", zone="UTC"), "02.07.2026", "2026-07-02T00:00:00+00:00"),
    ],
)
def test_a_time_is_rfc_3339_whatever_it_was(cell: Cell, text: str, moment: str) -> None:
    assert event(plan(time=cell), T=text)["time"] == moment


@pytest.mark.parametrize(
    ("cell", "text", "told"),
    [
        (Cell("T"), "2026-03-02 09:14", "column T: names no time zone: say --zone"),
        (Cell("T"), "yesterday", "column T: is no time, such as 2026-03-02T09:14:05Z"),
        (Cell("T", format="%d.%m.%Y", zone="UTC"), "2.3.26 x", "such as %d.%m.%Y"),
    ],
)
def test_what_is_no_time_is_refused(cell: Cell, text: str, told: str) -> None:
    with pytest.raises(Refused, match=told):
        event(plan(time=cell), T=text)


def test_a_row_without_a_contact_is_refused_by_its_column() -> None:
    with pytest.raises(Refused, match="column Contact: is empty, and says the subject"):
        event(plan(), Contact=" ")


def test_the_type_of_a_row_says_what_of_its_data() -> None:
    given = plan(
        type=Cell("Wants", values={"": "social.engaged", "demo": "demo.requested"}),
        data={"network": "n"},
        types={"demo.requested": {"product_id": Cell("P")}},
    )
    assert event(given, Wants="", P="a")["data"] == {"network": "n"}
    assert event(given, Wants="demo", P="a")["data"] == {"network": "n", "product_id": "a"}


def test_the_same_row_has_the_same_id_and_another_has_another() -> None:
    given = plan(data={"amount": Cell("X")})
    same = {event(given, X=text)["id"] for text in ("1", " 1", "1 ")}
    assert len(same) == 1
    assert event(given, X="2")["id"] not in same
    assert event(plan(data={"amount": Cell("X")}, source="/t"), X="1")["id"] not in same


def test_how_it_was_brought_here_is_no_part_of_the_id() -> None:
    tagged = plan(campaignid="c", channel="ch", ingestmode="backfill", automated=True)
    assert event(tagged)["id"] == event(plan())["id"]


def test_an_id_of_the_file_is_kept() -> None:
    assert event(plan(id=Cell("Scan")), Scan="s-1")["id"] == "s-1"
    assert event(plan(id=Cell("Scan")), Scan="")["id"].startswith("import-")


def test_a_line_that_is_an_event_stays_as_it_is_but_for_the_options() -> None:
    document = {"id": "1", "source": "/s", "type": "t", "subject": "c", "data": {"a": 1}}
    assert as_it_is(document, NOTHING) == {"specversion": "1.0", **document}
    over = with_options(NOTHING, [], [("ingestmode", "backfill"), ("data.b", 2)])
    made = as_it_is(document, over)
    assert (made["ingestmode"], made["data"]) == ("backfill", {"a": 1, "b": 2})
    assert as_it_is({**document, "data": None}, over)["data"] == {"b": 2}
    assert as_it_is({**document, "data": "text"}, over)["data"] == "text"


def test_the_mapping_of_the_example_is_read() -> None:
    folder = INTERACTION_SCHEMAS.parent / "examples" / "imports"
    read = read_plan(folder / "scans.yaml")
    header = (folder / "scans.csv").read_text().splitlines()[0].split(";")
    assert read.columns < set(header)
    assert plan_digest(read) == plan_digest(read_plan(folder / "scans.yaml"))
    assert plan_digest(read) != plan_digest(with_options(read, [], [("channel", "x")]))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- a", "must be a mapping of id, source"),
        ("a: [", "is no YAML"),
        ("email: {column: E}", "no attribute 'email'; what is not one of id,"),
        ("subject: {column: E, colour: red}", "subject: .*colour"),
        ("subject: {column: 3}", "subject: .*str"),
        ("data: {a: {column: E, as: integer}}", "data: a: .*integer"),
        ("data: {a: {column: E, values: {yes: 1}}}", "reads yes and no as true and false"),
        ("data: 3", "data: must be a mapping"),
        ("types: {demo.requested: 3}", "demo.requested: must be a mapping"),
    ],
)
def test_a_wrong_mapping_says_where(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "mapping.yaml"
    file.write_text(text)
    with pytest.raises(FunnelError, match=told):
        read_plan(file)


def test_numbers_in_values_are_what_the_cells_say(tmp_path: Path) -> None:
    file = tmp_path / "mapping.yaml"
    file.write_text("data: {a: {column: E, values: {1: low, 2: high}}}")
    assert event(plan(data=read_plan(file).data), E="2")["data"] == {"a": "high"}


def test_options_come_over_the_file_and_reach_below() -> None:
    given = with_options(
        plan(data={"fields": {"a": 1}, "deal_id": "d"}),
        [("data.fields.b", "B"), ("subject", "Key")],
        [("data.deal_id", "e")],
    )
    made = event_of({"Key": "k", "B": "2"}, given, SCHEMAS)
    assert (made["subject"], made["data"]) == ("k", {"fields": {"a": 1, "b": "2"}, "deal_id": "e"})


@pytest.mark.parametrize("name", ["email", "data", "data.", "Subject"])
def test_an_option_of_no_attribute_is_refused(name: str) -> None:
    with pytest.raises(FunnelError, match="there is no attribute"):
        with_options(NOTHING, [(name, "X")], [])


def test_columns_that_are_called_so_need_no_mapping() -> None:
    assert named_alike(["type", "Email", "data.a", "data."]) == [
        ("type", "type"),
        ("data.a", "data.a"),
    ]
