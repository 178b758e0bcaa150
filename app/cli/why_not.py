"""`funnel contact why-not`: what is missing for a stage, and the least that would do it."""

import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import printing
from app.cli.known import Key, Tenant, known_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.domain.why_not import Foreseen, Suggested, WhyNot

Stage = Annotated[str, typer.Argument(metavar="STAGE", help="The stage it is not in.")]
NO_STAGES = ("none", "erased")
"""Not of any model, but fair to ask about."""


def why_not(
    key: Key, stage: Stage, tenant: Tenant = "default", as_json: printing.Json = False
) -> None:
    """The guards that are missing, and the smallest set of interactions that would do it.

    It was found by folding them on a copy; nothing is sent.
    """
    from app.domain.why_not import why_not as ask

    known = known_of(key, tenant)
    stages = known.rules.stages
    if stage not in stages and stage not in NO_STAGES:
        raise typer.BadParameter(
            f"model {known.rules.ref} has no stage {stage!r}; it has {', '.join(stages)}"
        )
    primary = known.contact.book.primary
    if primary is not None:
        printing.note(f"funnel: {key} is linked to {primary}, which is in a stage for both: ask it")
    answer = ask(key, known.contact.fold, stage, known.at, known.rules)
    if as_json:
        printing.json(_plain(answer))
        return
    for line in told_answer(key, tenant, answer):
        printing.line(line)


def told_answer(key: str, tenant: str, answer: "WhyNot") -> "Iterator[str]":
    from app.cli.explaining import moment, told_way

    yield f"{key} is {answer.stage}. The way to {answer.target} [{answer.model}]:"
    for way in answer.ways:
        yield from told_way(way)
    if answer.suggestion:
        since = "" if answer.not_before is None else f", from {moment(answer.not_before)} on"
        yield ""
        yield f"The least that would do it{since} (of {answer.tried} tried):"
        yield from (f"  {_command(key, tenant, each)}" for each in answer.suggestion)
        yield "It would then go:"
        for move in answer.moves:
            yield from _told_move(move)
    if answer.by_itself is not None:
        alone = answer.by_itself
        moves = ", ".join(f"{move.from_stage} → {move.to_stage}" for move in alone.moves)
        yield ""
        yield f"By itself on {moment(alone.at)} by {alone.timer}, if nothing else happens: {moves}"
    if answer.note is not None:
        yield ""
        yield printing.shown(f"But: {answer.note}." if answer.suggestion else f"{answer.note}.")


def _plain(answer: "WhyNot") -> dict[str, Any]:
    """For machines: as it is, its moments as RFC 3339."""
    import msgspec

    from app.domain.timestamps import format_rfc3339

    told: dict[str, Any] = msgspec.to_builtins(answer)
    alone = told["by_itself"]
    for move in (*told["moves"], *(alone["moves"] if alone else ())):
        move["effective_at"] = format_rfc3339(move["effective_at"])
    for part, name in ((told, "at"), (told, "not_before"), (alone, "at")):
        if part is not None and part[name] is not None:
            part[name] = format_rfc3339(part[name])
    return told


def _command(key: str, tenant: str, each: "Suggested") -> str:
    """To be pasted, once what is in angle brackets is filled in."""
    import msgspec

    data = shlex.quote(msgspec.json.encode(each.data).decode())
    of_tenant = "" if tenant == "default" else f" --tenant {shlex.quote(tenant)}"
    command = f"funnel publish {each.type} {shlex.quote(key)} --data {data}{of_tenant}"
    return printing.shown(command)


def _told_move(move: "Foreseen") -> "Iterator[str]":
    from app.cli.explaining import told_guard

    inferred = ", inferred" if move.inferred else ""
    yield f"  {move.from_stage} → {move.to_stage} [{move.transition}{inferred}]"
    yield from (printing.shown(f"  {told_guard(guard)}") for guard in move.guards)
