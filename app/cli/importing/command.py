"""`funnel publish FILE` put together: file, plan, checks, and what is said at the end."""

import asyncio
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import msgspec
import typer

from app.cli import printing
from app.cli.importing.errors_file import ErrorsFile
from app.cli.importing.events import as_it_is, event_of, plan_digest
from app.cli.importing.mapping import Plan, named_alike, read_plan, with_options
from app.cli.importing.progress import progress
from app.cli.importing.rows import CSV, CsvFile, LinesFile, digest_of
from app.cli.importing.run import Checks, Import, pace_of, with_mend
from app.cli.importing.standing import Standing, read_standing
from app.errors import FunnelError, Unavailable

if TYPE_CHECKING:
    from app.cli.tenant_types import TenantTypes
    from app.settings import Settings


SOURCE: Final = "/funnel/import"
"""Who says so where nothing else is said: the same for every file, as ids are made with it."""


class Asked(msgspec.Struct, frozen=True):
    """What the options say of an import."""

    file: Path
    mapping: Path | None
    columns: list[tuple[str, str]]
    constants: list[tuple[str, Any]]
    zone: str | None
    delimiter: str | None
    encoding: str
    errors: Path | None
    state: Path | None
    is_anew: bool
    per_second: float | None
    is_dry: bool
    is_unchecked: bool
    as_json: bool

    @property
    def is_stdin(self) -> bool:
        """Read once, as lines, and never gone on with."""
        return str(self.file) == "-"


def import_file(asked: Asked) -> None:
    """Exit code 1 where a row was refused. FunnelError, Unavailable."""
    from app.cli import settings

    found = settings.load()
    if asked.is_stdin:
        asyncio.run(_import(asked, sys.stdin.buffer, found))
        return
    try:
        with asked.file.open("rb") as file:
            asyncio.run(_import(asked, file, found))
    except OSError as failed:
        raise FunnelError(f"can't read {asked.file}: {failed.strerror}") from None


async def _import(asked: Asked, file: BinaryIO, settings: "Settings") -> None:
    from app.cli.tenant_types import TenantTypes, tenant_types

    rows = _rows_of(asked, file)
    plan = _plan_of(asked, rows)
    standing, kept_in = _standing_of(asked, plan)
    if standing.is_complete:
        printing.note(
            f"{asked.file} was sent before, to its last row, by this mapping: nothing to do."
            " --restart sends it again, which changes nothing either."
        )
        _say(asked, standing, None)
        return
    if standing.place.row:
        printing.note(f"going on after row {standing.place.row}")
    errors = ErrorsFile(_errors_of(asked), rows.columns)
    errors.cut(standing.errors_bytes)
    planned = _planned(asked, plan, rows)
    if asked.is_unchecked:
        types = TenantTypes(settings, None)
        run = Import(planned, _checks(settings, types, True), errors, standing, kept_in)
        await _run(asked, run, rows, settings)
    else:
        async with tenant_types(settings) as types:
            run = Import(planned, _checks(settings, types, False), errors, standing, kept_in)
            await _run(asked, run, rows, settings)
    if asked.is_dry and run.first is not None and not asked.as_json:
        printing.line(f"the first becomes {msgspec.json.encode(run.first).decode()}")
    _say(asked, run.standing, errors.path)
    if run.standing.refused:
        raise typer.Exit(1)


async def _run(asked: Asked, run: Import, rows: CsvFile | LinesFile, settings: "Settings") -> None:
    from app.cli.sending import sender

    left = rows.rows(run.standing.place)
    size = 0 if asked.is_stdin else asked.file.stat().st_size
    with progress(str(asked.file), size) as shown:
        if asked.is_dry:
            await run.check(left, shown)
            return
        try:
            async with sender(settings.kafka) as to:
                await run.send(left, to, pace_of(asked.per_second), shown)
        except Unavailable as away:
            raise with_mend(away) from away


def _rows_of(asked: Asked, file: BinaryIO) -> CsvFile | LinesFile:
    suffix = asked.file.suffix.lower()
    if suffix in CSV:
        delimiter = asked.delimiter or CSV[suffix]
        return CsvFile(file, str(asked.file), delimiter, asked.encoding)
    return LinesFile(file)


def _plan_of(asked: Asked, rows: CsvFile | LinesFile) -> Plan:
    """FunnelError."""
    if _are_events(asked, rows):
        return with_options(Plan({}, {}, {}), [], asked.constants)
    plan = Plan({}, {}, {}) if asked.mapping is None else read_plan(asked.mapping)
    columns = asked.columns
    if asked.mapping is None and not columns and rows.columns is not None:
        columns = named_alike(rows.columns)
    plan = with_options(plan, columns, asked.constants)
    plan = _with_zone(plan, asked.zone)
    plan.attributes.setdefault("source", SOURCE)
    lacking = [name for name in ("type", "subject") if name not in plan.attributes]
    if lacking:
        have = f"; its columns are {', '.join(rows.columns)}" if rows.columns else ""
        raise FunnelError(
            f"{asked.file}: nothing says the {' and the '.join(lacking)} of a row: map a column,"
            f" as by --map subject=COLUMN, or say it of all, as by --set type=demo.requested{have}"
        )
    unknown = sorted(plan.columns - set(rows.columns or plan.columns))
    if unknown:
        raise FunnelError(
            f"{asked.file}: has no column {unknown[0]!r}; it has {', '.join(rows.columns or ())}"
        )
    return plan


def _with_zone(plan: Plan, zone: str | None) -> Plan:
    from app.cli.importing.mapping import Cell

    time = plan.attributes.get("time")
    if zone is None or not isinstance(time, Cell):
        return plan
    zoned = msgspec.structs.replace(time, zone=zone)
    return msgspec.structs.replace(plan, attributes={**plan.attributes, "time": zoned})


def _planned(
    asked: Asked, plan: Plan, rows: CsvFile | LinesFile
) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    from app.inbound.validation import load_schemas

    if _are_events(asked, rows):
        return partial(as_it_is, plan=plan)
    return partial(event_of, plan=plan, schemas=load_schemas())


def _are_events(asked: Asked, rows: CsvFile | LinesFile) -> bool:
    return asked.mapping is None and not asked.columns and rows.columns is None


def _standing_of(asked: Asked, plan: Plan) -> tuple[Standing, Path | None]:
    """Where to begin: where the same file by the same mapping got to."""
    mapping = plan_digest(plan)
    if asked.is_dry or asked.is_stdin:
        return Standing("", mapping), None
    fresh = Standing(digest_of(asked.file), mapping)
    kept_in = asked.state or asked.file.with_name(f"{asked.file.stem}.state.json")
    found = None if asked.is_anew else read_standing(kept_in)
    if found is None:
        return fresh, kept_in
    if (found.file_sha256, found.mapping_sha256) != (fresh.file_sha256, mapping):
        printing.note("the file or its mapping changed since it was sent: from the beginning")
        return fresh, kept_in
    return found, kept_in


def _errors_of(asked: Asked) -> Path | None:
    """scans.csv -> scans.errors.csv"""
    if asked.errors is not None or asked.is_stdin:
        return asked.errors
    return asked.file.with_name(f"{asked.file.stem}.errors{asked.file.suffix}")


def _checks(settings: "Settings", types: "TenantTypes", is_unchecked: bool) -> Checks:
    from app.cli.checking import checker, topic_of

    tenants = types.by_tenant
    refusal = (lambda _: None) if is_unchecked else checker(settings, tenants)
    return Checks(types, refusal, lambda event: topic_of(event, settings, tenants))


def _say(asked: Asked, standing: Standing, errors: Path | None) -> None:
    told: dict[str, Any] = {
        "checked" if asked.is_dry else "sent": standing.sent,
        "refused": standing.refused,
    }
    if asked.as_json:
        printing.json(told)
        return
    printing.line(", ".join(f"{name} {count:,}" for name, count in told.items()))
    if standing.refused and errors is not None:
        printing.note(f"the refused rows, each with its reason: {errors}")
