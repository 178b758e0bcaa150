"""`funnel publish`: one interaction by options, or the rows of a file."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from app.cli import printing

if TYPE_CHECKING:
    from app.settings import Settings

OF_A_FILE: Final = "Of a file"
SOURCE: Final = "/funnel/cli"
FILES: Final = (".csv", ".tsv", ".ndjson", ".jsonl")


def publish(
    type_: Annotated[
        str | None,
        typer.Argument(metavar="TYPE|FILE", help="As demo.requested; or a file: csv, tsv, ndjson."),
    ] = None,
    subject: Annotated[
        str | None, typer.Argument(metavar="CONTACT", help="The contact's key.")
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option("--field", "-f", metavar="KEY=VALUE", help="One field of data; repeatable."),
    ] = None,
    data: Annotated[str | None, typer.Option(help="All of data, as JSON.")] = None,
    id_: Annotated[
        str | None, typer.Option("--id", help="Default: a new one. The same id is a duplicate.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="Who says so, a URI. Default: /funnel/cli.")
    ] = None,
    time: Annotated[
        str | None, typer.Option(help="When it happened, RFC 3339. Default: now.")
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="Default: default.")] = None,
    channel: Annotated[str | None, typer.Option(help="For attribution.")] = None,
    campaign: Annotated[str | None, typer.Option(help="For attribution.")] = None,
    backfill: Annotated[bool, typer.Option("--backfill", help="History, not news.")] = False,
    automated: Annotated[bool, typer.Option("--automated", help="Done by a machine.")] = False,
    file: Annotated[
        Path | None,
        typer.Option("--file", help="CloudEvents, one JSON object a line; - is stdin."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check only, send nothing.")] = False,
    unchecked: Annotated[
        bool,
        typer.Option("--unchecked", help="Send also what will become a dead letter."),
    ] = False,
    mapping: Annotated[
        Path | None, typer.Option(help="YAML: what the columns mean.", rich_help_panel=OF_A_FILE)
    ] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option(
            *("--map", "-m"),
            metavar="NAME=COLUMN",
            help="As subject=Email or data.rep_id=Rep; repeatable.",
            rich_help_panel=OF_A_FILE,
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Of every row, as type=demo.requested.",
            rich_help_panel=OF_A_FILE,
        ),
    ] = None,
    zone: Annotated[
        str | None,
        typer.Option(help="Of times that name none, as Europe/Berlin.", rich_help_panel=OF_A_FILE),
    ] = None,
    delimiter: Annotated[
        str | None,
        typer.Option(help="Default: what the header has most of.", rich_help_panel=OF_A_FILE),
    ] = None,
    encoding: Annotated[str, typer.Option(rich_help_panel=OF_A_FILE)] = "utf-8",
    rate: Annotated[
        float | None,
        typer.Option(min=0.01, help="At most so many a second.", rich_help_panel=OF_A_FILE),
    ] = None,
    errors: Annotated[
        Path | None,
        typer.Option(help="For refused rows. Default: FILE.errors.csv.", rich_help_panel=OF_A_FILE),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(help="How far it got. Default: FILE.state.json.", rich_help_panel=OF_A_FILE),
    ] = None,
    restart: Annotated[
        bool,
        typer.Option("--restart", help="From the first row.", rich_help_panel=OF_A_FILE),
    ] = False,
    as_json: printing.Json = False,
) -> None:
    """Publish one interaction, or the rows of a file, each once.

    Examples:

      funnel publish email.replied crm-1 -f message_id=m1 -f is_auto_reply=false

      funnel publish demo.requested crm-1 -f product_id=analytics

      funnel publish interactions.ndjson

      funnel publish scans.csv --mapping scans.yaml --dry-run
    """
    optional = {
        "time": time,
        "tenantid": tenant,
        "channel": channel,
        "campaignid": campaign,
        "ingestmode": "backfill" if backfill else None,
        "automated": automated or None,
    }
    fields = _data_of(data, field or [])
    if file is None and subject is None and type_ is not None and type_.lower().endswith(FILES):
        file, type_ = Path(type_), None
    if file is None and type_ is not None and subject is not None:
        event = made_event(type_, subject, source or SOURCE, fields, {"id": id_, **optional})
        _publish_one(event, dry_run, unchecked, as_json)
        return
    if file is None or type_ is not None or id_ is not None:
        raise typer.BadParameter(
            f"give TYPE and CONTACT; or a file that ends in one of {', '.join(FILES)}, alone"
        )
    if delimiter is not None and len(delimiter) != 1:
        raise typer.BadParameter("--delimiter is one character; of tabs make the file a .tsv")
    constants = [
        *((name, value) for name, value in {"source": source, **optional}.items()),
        *((f"data.{name}", value) for name, value in fields.items()),
        *((name, _value_of(text)) for name, text in _pairs("--set", set_)),
    ]
    from app.cli.importing.command import Asked, import_file

    import_file(
        Asked(
            file=file,
            mapping=mapping,
            columns=_pairs("--map", map_),
            constants=[each for each in constants if each[1] is not None],
            zone=zone,
            delimiter=delimiter,
            encoding=encoding,
            errors=errors,
            state=state,
            is_anew=restart,
            per_second=rate,
            is_dry=dry_run,
            is_unchecked=unchecked,
            as_json=as_json,
        )
    )


def _pairs(option: str, given: list[str] | None) -> list[tuple[str, str]]:
    found = []
    for each in given or ():
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{option} {each!r}: write NAME=…")
        found.append((name, value))
    return found


def made_event(
    type_: str, subject: str, source: str, data: Mapping[str, Any], optional: Mapping[str, Any]
) -> dict[str, Any]:
    """A CloudEvent; its id and time are new where `optional` has none."""
    import uuid
    from datetime import UTC, datetime

    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": source,
        "type": type_,
        "subject": subject,
        "time": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
    }
    event |= {name: value for name, value in optional.items() if value is not None}
    return event | {"data": dict(data)}


def _data_of(data: str | None, fields: list[str]) -> dict[str, Any]:
    import json

    try:
        found = {} if data is None else json.loads(data)
    except ValueError as wrong:
        raise typer.BadParameter(f"--data is no JSON: {wrong}") from None
    if not isinstance(found, dict):
        raise typer.BadParameter("--data must be a JSON object")
    for field in fields:
        name, equals, text = field.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"--field {field!r}: write KEY=VALUE")
        found[name] = _value_of(text)
    return found


def _value_of(text: str) -> Any:
    """`true`, `3` and `{"a": 1}` are what they look like; all else is a string."""
    import json

    try:
        return json.loads(text)
    except ValueError:
        return text


def _publish_one(event: Mapping[str, Any], dry_run: bool, unchecked: bool, as_json: bool) -> None:
    from app.cli import settings

    wrong = asyncio.run(_send(event, settings.load(), dry_run, unchecked))
    if wrong is not None:
        printing.note(f"refused: {wrong}")
    result = {"checked" if dry_run else "sent": int(wrong is None), "refused": int(bool(wrong))}
    if as_json:
        printing.json(result)
    else:
        printing.line(", ".join(f"{name} {count:,}" for name, count in result.items()))
    if wrong is not None:
        raise typer.Exit(1)


async def _send(
    event: Mapping[str, Any], settings: "Settings", dry_run: bool, unchecked: bool
) -> str | None:
    """What is wrong with it; None: it is sent, or could be."""
    from app.cli.checking import checker, topic_of
    from app.cli.sending import sender
    from app.cli.tenant_types import TenantTypes, tenant_types
    from app.domain.routing import DEFAULT_TENANT

    types = TenantTypes(settings, None)
    if not unchecked:
        async with tenant_types(settings) as types:
            await types.look_up(str(event.get("tenantid") or DEFAULT_TENANT))
        wrong = checker(settings, types.by_tenant)(event)
        if wrong is not None:
            return wrong
    if not dry_run:
        async with sender(settings.kafka) as to:
            await to.send_event(event, topic=topic_of(event, settings, types.by_tenant))
            await to.confirm()
    return None
