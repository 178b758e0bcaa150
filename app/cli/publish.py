"""`funnel publish`: one interaction by options, or many as NDJSON."""

import asyncio
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import printing
from app.errors import FunnelError

if TYPE_CHECKING:
    from app.settings import Settings


def publish(
    type_: Annotated[
        str | None, typer.Argument(metavar="TYPE", help="For example demo.requested.")
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
    source: Annotated[str, typer.Option(help="Who says so, a URI.")] = "/funnel/cli",
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
    as_json: printing.Json = False,
) -> None:
    """Publish one interaction, or many from a file.

    Examples:

      funnel publish email.replied crm-1 -f message_id=m1 -f is_auto_reply=false

      funnel publish demo.requested crm-1 -f product_id=analytics

      funnel publish --file interactions.ndjson
    """
    if (file is None) == (type_ is None) or (type_ is not None and subject is None):
        raise typer.BadParameter("give TYPE and CONTACT, or --file")
    if file is not None:
        _publish_file(file, dry_run, unchecked, as_json)
        return
    assert type_ is not None
    assert subject is not None
    optional = {
        "id": id_,
        "time": time,
        "tenantid": tenant,
        "channel": channel,
        "campaignid": campaign,
        "ingestmode": "backfill" if backfill else None,
        "automated": automated or None,
    }
    event = made_event(type_, subject, source, _data_of(data, field or []), optional)
    _publish_all([event], dry_run, unchecked, as_json)


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


def _publish_file(file: Path, dry_run: bool, unchecked: bool, as_json: bool) -> None:
    if str(file) == "-":
        _publish_all(_events_of(sys.stdin, "stdin"), dry_run, unchecked, as_json)
        return
    try:
        with file.open(encoding="utf-8") as lines:
            _publish_all(_events_of(lines, str(file)), dry_run, unchecked, as_json)
    except OSError as failed:
        raise FunnelError(f"can't read {file}: {failed.strerror}") from None


def _events_of(lines: Any, name: str) -> Iterator[Mapping[str, Any]]:
    import json

    for number, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        try:
            event = json.loads(text)
        except ValueError as wrong:
            raise FunnelError(f"{name}, line {number}: no JSON: {wrong}") from None
        if not isinstance(event, dict) or not isinstance(event.get("subject"), str):
            raise FunnelError(f"{name}, line {number}: must be an object with a subject")
        yield event


def _publish_all(
    events: Iterable[Mapping[str, Any]], dry_run: bool, unchecked: bool, as_json: bool
) -> None:
    from app.cli import settings
    from app.cli.checking import checker

    found = settings.load()
    refusal = (lambda _event: None) if unchecked else checker(found)
    sound = _Sound(events, refusal)
    done = sum(1 for _ in sound) if dry_run else asyncio.run(_send(sound, found))
    result = {"checked" if dry_run else "sent": done, "refused": sound.refused}
    if as_json:
        printing.json(result)
    else:
        printing.line(", ".join(f"{name} {count:,}" for name, count in result.items()))
    if sound.refused:
        raise typer.Exit(1)


class _Sound:
    """The events that may be sent; says on stderr what is wrong with each other one."""

    def __init__(
        self,
        events: Iterable[Mapping[str, Any]],
        refusal: Callable[[Mapping[str, Any]], str | None],
    ) -> None:
        self._events = events
        self._refusal = refusal
        self.refused = 0

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for number, event in enumerate(self._events, start=1):
            wrong = self._refusal(event)
            if wrong is None:
                yield event
            else:
                self.refused += 1
                printing.note(f"interaction {number} refused: {wrong}")


async def _send(events: Iterable[Mapping[str, Any]], settings: "Settings") -> int:
    from app.cli.checking import topic_of
    from app.cli.sending import sender

    async with sender(settings.kafka) as to:
        with printing.counting("published") as count:
            for event in events:
                await to.send_event(event, topic=topic_of(event, settings))
                count(to.confirmed)
            await to.confirm()
            count(to.confirmed)
        return to.confirmed
