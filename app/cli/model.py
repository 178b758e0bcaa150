"""`funnel model`: the funnel's rules, to be read, checked, drawn, compared and activated."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from app.cli import model_activate, model_simulate, model_timeline, printing
from app.errors import ModelError

if TYPE_CHECKING:
    from app.domain.reading import Locate
    from app.domain.rules import Rules

Asked = Annotated[
    str | None,
    typer.Argument(metavar="[MODEL]", help="name@version, or a file; default: the one in force."),
]
HASH_CHARS = 12

group = typer.Typer(
    help="The funnel's rules: read, check, draw, compare, activate. Own models stand in"
    " FUNNEL_MODELS_DIR.",
    no_args_is_help=True,
)


class Loaded(NamedTuple):
    definition: dict[str, Any]
    rules: "Rules"
    locate: "Locate"


@group.command("list")
def list_models(as_json: printing.Json = False) -> None:
    """Every model there is, shipped and own; one that is wrong says so."""
    rows = list(_known())
    if as_json:
        printing.json(rows)
        return
    printing.table(
        ("model", "title", "", "content", ""),
        [
            (
                row["model"],
                row["error"] or row["title"],
                "own" if row["is_own"] else "shipped",
                (row["content_hash"] or "")[:HASH_CHARS],
                "in force" if row["is_in_force"] else "",
            )
            for row in rows
        ],
    )


@group.command()
def lint(model: Asked = None, as_json: printing.Json = False) -> None:
    """Look for mistakes: ends nobody reaches, timers without an exit, broken promises.

    Each finding says file, line and how to mend it. Exit code 1 where there is one.
    """
    from app.domain.finding import Finding
    from app.domain.lint import lint as lint_model

    name = model or _settings().model
    try:
        loaded = load_model(name)
        findings = lint_model(*loaded)
    except ModelError as refused:
        findings = [Finding("refused", str(refused))]
    if as_json:
        printing.json({"model": name, "findings": [each._asdict() for each in findings]})
    else:
        for each in findings:
            printing.line(each.text)
        printing.note(f"{name}: {len(findings) or 'nothing'} to mend")
    if findings:
        raise typer.Exit(1)


@group.command()
def glossary(model: Asked = None, as_json: printing.Json = False) -> None:
    """What the words mean: stages, transitions, and what to say instead of what."""
    from app.domain.glossary import glossary_of

    loaded = load_model(model)
    told = glossary_of(loaded.definition, loaded.rules)
    if as_json:
        printing.json(
            {
                "model": told.model,
                "title": told.title,
                "stages": [each._asdict() for each in told.stages],
                "transitions": [
                    {
                        **each._asdict(),
                        "guards": [guard._asdict() for guard in each.guards],
                        "words": each.words(),
                    }
                    for each in told.transitions
                ],
                "words": [each._asdict() for each in told.words],
            }
        )
        return
    printing.table(
        ("stage", "means", "owner", "in pipeline"), told.stages, title=f"{told.model}: {told.title}"
    )
    printing.table(
        ("transition", "means", "when"),
        [(each.transition, each.definition, each.words()) for each in told.transitions],
    )
    printing.table(
        ("word", "means", "not"),
        [(each.word, each.meaning, ", ".join(each.instead_of) or None) for each in told.words],
    )


@group.command()
def draw(
    model: Asked = None,
    with_overrides: Annotated[
        bool, typer.Option("--overrides", help="Also what a person may do: anywhere to anywhere.")
    ] = False,
    as_json: printing.Json = False,
) -> None:
    """The state chart as a Mermaid diagram."""
    from app.domain.drawing import drawing_of

    rules = load_model(model).rules
    drawing = drawing_of(rules, with_overrides=with_overrides)
    if as_json:
        printing.json({"model": rules.ref, "mermaid": drawing})
    else:
        printing.line(drawing)


@group.command()
def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="name@version, or a file.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="name@version, or a file.")],
    as_json: printing.Json = False,
) -> None:
    """What NEW says differently from OLD, in words. What they extend is merged in before."""
    from app.domain.difference import difference

    changes = difference(load_model(old).definition, load_model(new).definition)
    if as_json:
        printing.json([{**each._asdict(), "words": each.words()} for each in changes])
        return
    for each in changes:
        printing.line(each.words())
    if not changes:
        printing.note("they say the same")


group.command()(model_simulate.simulate)
group.command()(model_activate.activate)
group.command()(model_timeline.timeline)


def definition_of(asked: str | None) -> dict[str, Any]:
    """Complete, and known to compile; default: of the model in force. Raises ModelError."""
    return load_model(asked).definition


def _settings() -> Any:
    from app.cli import settings

    return settings.load_without_stack(level="critical")


def load_model(asked: str | None) -> Loaded:
    """A model by its name, or a file wherever it stands. Raises ModelError."""
    from app.models import full_name, load_definition, locating, read_definition, rules_of

    found = _settings()
    name = asked or found.model
    if name.endswith((".yaml", ".yml")):
        definition, lines = read_definition(Path(name), found.models_dir)
    else:
        name = full_name(name, found.models_dir)
        definition, lines = load_definition(name, found.models_dir)
        name = f"{name}.yaml"
    return Loaded(definition, rules_of(definition, lines, name), locating(lines))


def _known() -> Iterator[dict[str, Any]]:
    from app.models import content_hash, names

    found = _settings()
    shipped = set(names())
    for name in names(found.models_dir):
        row = {"model": name, "is_own": name not in shipped, "is_in_force": name == found.model}
        try:
            loaded = load_model(name)
        except ModelError as refused:
            yield {**row, "title": None, "content_hash": None, "error": str(refused)}
        else:
            content = content_hash(loaded.definition)
            yield {**row, "title": loaded.rules.title, "content_hash": content, "error": None}
