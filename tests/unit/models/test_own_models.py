"""A company's own models: found by name, built on shipped ones, refused with the mend."""

from datetime import date
from pathlib import Path

import pytest

from app.errors import ModelError
from app.models import content_hash, load_definition, load_rules, names, read_definition

OURS = "name: ours\nversion: 1\nextends: b2b-default@1\nknobs:\n  budget_gate: wait\n"
NEXT = "name: ours\nversion: 2\nextends: ours@1\nknobs:\n  authority_gate: wait\n"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / "ours@1.yaml").write_text(OURS)
    (tmp_path / "ours@2.yaml").write_text(NEXT)
    return tmp_path


def refusal(directory: Path, text: str) -> str:
    file = directory / "wrong@1.yaml"
    file.write_text(text)
    with pytest.raises(ModelError) as refused:
        load_rules("wrong@1", directory)
    message = str(refused.value)
    assert message.startswith(f"{file}:")
    return message.removeprefix(f"{file}:")


def test_an_own_model_is_found_in_the_directory_and_may_extend_a_shipped_one(models: Path) -> None:
    assert load_rules("ours@1", models).terms.gated == ("budget",)
    assert load_rules("b2b-default@1", models).terms.gated == ()
    assert {"ours@1", "ours@2", "b2b-default@1"} <= set(names(models))


def test_an_own_model_may_extend_an_own_one(models: Path) -> None:
    assert set(load_rules("ours@2", models).terms.gated) == {"budget", "authority"}


def test_a_name_without_a_version_is_the_only_version_there_is(models: Path) -> None:
    (models / "theirs@1.yaml").write_text("name: theirs\nversion: 1\nextends: b2b-default\n")
    assert load_rules("theirs@1", models).ref == "theirs@1"
    assert load_definition("theirs", models) == load_definition("theirs@1", models)


def test_a_name_of_which_there_are_two_versions_needs_one(models: Path) -> None:
    assert refusal(models, "name: wrong\nversion: 1\nextends: ours\n").startswith(
        "3: there is no model 'ours'; use one of "
    )


def test_without_a_directory_there_are_no_own_models(models: Path) -> None:
    with pytest.raises(ModelError, match="there is no model 'ours@1'; use one of account-based@1"):
        load_rules("ours@1")


def test_a_model_that_shadows_a_shipped_one_is_refused(models: Path) -> None:
    (models / "b2b-default@1.yaml").write_text(OURS)
    with pytest.raises(ModelError, match="b2b-default@1 is a shipped model; give yours another"):
        load_rules("ours@1", models)


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is no directory; make it, or unset FUNNEL_MODELS_DIR"):
        load_rules("ours@1", tmp_path / "away")


def test_a_name_is_no_way_out_of_the_directory(models: Path) -> None:
    inner = models / "inner"
    inner.mkdir()
    with pytest.raises(ModelError, match="there is no model"):
        load_rules("../ours@1", inner)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: wrong\nversion: 1\nextends: b2b@1\n", "3: there is no model 'b2b@1'"),
        ("name: wrong\nversion: 1\nextends: wrong@1\n", "3: `extends` goes too deep"),
        ("name: other\nversion: 1\nextends: b2b-default@1\n", "1: it says other@1; name the file"),
        ("name: wrong\nversion: 1\nname: wrong\n", "3: `name` stands on line 1 too; keep one"),
        ("a: &x {b: 1}\nc: *x\n", "2: an alias (`*`) stands here; write it out"),
        ("a: &x [*x]\n", "1: an alias (`*`) stands here"),
        ("name: 2026-13-45\n", "1: a date or number in it is none: "),
        ("a:\n  - b\n c: 1\n", "3: "),
        ("- a\n", "1: a model is a mapping; start with `name: …`"),
        ("", "1: a model is a mapping"),
    ],
)
def test_a_bad_file_is_refused_with_file_line_and_mend(
    tmp_path: Path, text: str, message: str
) -> None:
    assert refusal(tmp_path, text).startswith(message)


def test_a_file_nested_without_end_is_refused_not_followed(tmp_path: Path) -> None:
    nested = "a: " + "[" * 100_000 + "]" * 100_000
    assert refusal(tmp_path, nested) == "1: it is nested too deeply; write it flatter"


def test_a_mistake_in_a_change_names_the_line_of_the_own_file(tmp_path: Path) -> None:
    text = "name: wrong\nversion: 1\nextends: b2b-default@1\nknobs:\n\n  icp_unknown: wait\n"
    assert refusal(tmp_path, text) == (
        "6: knobs.icp_unknown: 'wait' is no value of this knob; use one of hold, pass"
    )


def test_a_file_that_is_no_utf_8_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "wrong@1.yaml").write_bytes(b"name: \xff\n")
    with pytest.raises(ModelError, match=r"wrong@1\.yaml:1: this is not UTF-8"):
        load_rules("wrong@1", tmp_path)


def test_a_file_may_be_read_wherever_it_stands(models: Path) -> None:
    definition, _ = read_definition(models / "ours@1.yaml")
    assert definition == load_definition("ours@1", models)[0]
    with pytest.raises(ModelError, match="can't read"):
        read_definition(models / "away@1.yaml")


def holidays_of(directory: Path, holidays: str) -> list[str]:
    hours = f"business_hours:\n  holidays: {holidays}\n"
    (directory / "closed@1.yaml").write_text(
        f"name: closed\nversion: 1\nextends: b2b-default@1\n{hours}"
    )
    definition, _ = load_definition("closed@1", directory)
    found: list[str] = definition["business_hours"]["holidays"]
    return found


def test_a_countrys_holidays_are_frozen_into_the_definition_as_dates(tmp_path: Path) -> None:
    germany, bavaria = holidays_of(tmp_path, "DE"), holidays_of(tmp_path, "DE-BY")
    assert {"2000-01-01", "2026-04-03", "2040-12-26"} <= set(germany)
    assert set(germany) < set(bavaria)
    assert "2026-01-06" in bavaria
    assert not {day for day in germany if not "2000" <= day[:4] <= "2040"}


def test_a_compiled_model_is_closed_on_its_holidays(tmp_path: Path) -> None:
    holidays_of(tmp_path, "DE-BY")
    epiphany = date(2026, 1, 6).toordinal()
    assert epiphany in load_rules("closed@1", tmp_path).hours.holidays
    assert epiphany not in load_rules("b2b-default@1").hours.holidays


def test_an_unknown_country_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as refused:
        holidays_of(tmp_path, "DE-XX")
    assert str(refused.value).startswith(
        f"{tmp_path}/closed@1.yaml:5: business_hours.holidays: there is no list of holidays"
    )


def test_the_content_hash_is_of_what_is_said_not_of_its_order(models: Path) -> None:
    definition, _ = load_definition("ours@1", models)
    reordered = dict(reversed(definition.items()))
    assert content_hash(reordered) == content_hash(definition)
    assert content_hash(definition | {"title": "Ours"}) != content_hash(definition)


def test_the_content_hash_sees_what_a_model_extends(models: Path) -> None:
    first, second = (load_definition(name, models)[0] for name in ("ours@1", "ours@2"))
    (models / "ours@1.yaml").write_text(OURS + "  unknown_type: ignore\n")
    assert content_hash(load_definition("ours@2", models)[0]) != content_hash(second)
    assert content_hash(first) != content_hash(second)
