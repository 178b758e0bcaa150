"""`funnel schemas`: the published contract."""

from typing import Annotated

import typer

from app.cli import printing

group = typer.Typer(
    help="The published contract: topics, messages, HTTP; generated, checked, frozen.",
    no_args_is_help=True,
)


@group.command("check")
def check(as_json: printing.Json = False) -> None:
    """Is schemas/ what the code says, and does it keep what the last release promised?

    Schemas, examples, topics, asyncapi.yaml, openapi.json. Exit code 1 if anything is wrong.
    """
    from app.contract.checking import findings
    from app.contract.released import versions

    found = list(findings())
    against = versions()[-1] if versions() else None
    if as_json:
        printing.json({"against": against, "findings": found})
    else:
        for each in found:
            printing.line(each)
        against_told = f", and against release {against}" if against else ""
        printing.note(f"{len(found) or 'nothing'} wrong, checked with the code{against_told}")
    if found:
        raise typer.Exit(1)


@group.command("write")
def write() -> None:
    """Write asyncapi.yaml and openapi.json again from the code and the schemas."""
    from app.contract.checking import generated
    from app.contract.files import SCHEMAS, read, text_of
    from app.errors import FunnelError

    for name, document in generated().items():
        path = SCHEMAS / name
        if read(path) == document:
            printing.line(f"{name}: is as it must be")
        else:
            try:
                path.write_text(text_of(name, document), encoding="utf-8")
            except OSError as failed:
                raise FunnelError(f"can't write {path}: {failed.strerror}") from None
            printing.line(f"{name}: written")


@group.command("freeze")
def freeze(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="Of the release, as 0.2.0.")],
) -> None:
    """Keep today's schemas as those of a release: later ones are checked against them."""
    from app.contract import released
    from app.contract.checking import findings
    from app.errors import FunnelError

    found = list(findings())
    if found:
        raise FunnelError("\n".join(["not while something is wrong:", *found]))
    place = released.freeze(version)
    printing.line(f"frozen in schemas/released/{place.name}")
