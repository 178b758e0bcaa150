"""`funnel storage`: what takes how much room, and how long it is kept."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import printing

if TYPE_CHECKING:
    from datetime import date

    from app.settings import Retention, Settings

Drop = Annotated[
    bool, typer.Option("--drop", help="Drop the days that are over, as the workers do by and by.")
]
UNITS = ("B", "kB", "MB", "GB", "TB")


def storage(drop: Drop = False, as_json: printing.Json = False) -> None:
    """Sizes by table and by day of the segments; rows are estimates of the server's statistics.

    FUNNEL_RETENTION__SEGMENT_DAYS says after how many days segments go (unset: never);
    FUNNEL_RETENTION__REPLAY_DAYS how long they stay in any case. What is not published stays, too.
    """
    from app.cli import settings

    found = asyncio.run(_read(settings.load(), is_dropping=drop))
    if as_json:
        printing.json(found)
        return
    printing.table(
        ("table", "size", "of it indexes", "rows, about", "dead rows"),
        [
            (each["name"], size(each["bytes"]), size(each["index_bytes"]), each["rows"],
             each["dead_rows"])
            for each in found["tables"]
        ],
    )  # fmt: skip
    printing.table(
        ("segments of", "size", "batches, about", "goes"),
        [(each["day"], size(each["bytes"]), each["rows"], each["goes"]) for each in found["days"]],
    )
    for day in found["dropped"]:
        printing.line(f"dropped {day}")
    printing.line(f"{size(found['bytes'])} in all; {found['retention']}")


def size(count: int) -> str:
    number = float(count)
    for unit in UNITS[:-1]:
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} {UNITS[-1]}"


async def _read(settings: "Settings", *, is_dropping: bool) -> dict[str, Any]:
    from datetime import UTC, datetime

    from app.cli.database import database
    from app.storage.connect import connect
    from app.storage.retention import drop_old_days, oldest_kept, why_needed
    from app.storage.sizes import sizes

    async with database(settings):
        pass  # at this release's revision
    keep, today = settings.retention, datetime.now(UTC).date()
    connection = await connect(settings.database, application_name="funnel-storage")
    try:
        before = None
        if keep.segment_days is not None:
            before = oldest_kept(keep.segment_days, keep.replay_days)
        dropped = []
        if is_dropping and before is not None:
            dropped = (await drop_old_days(connection, before, limit=1000)).days
        measured = await sizes(connection)
        of_days = {each.name: each for each in measured if each.name.startswith("segment_2")}
        rest = [each for each in measured if each.name not in of_days]
        rows = []
        for name, each in sorted(of_days.items()):
            day = _day_of(name)
            goes = "never: kept for ever" if before is None else _when(day, keep)
            if before is not None and day < before:
                goes = await why_needed(connection, day) or "now"
            if day <= today:
                rows.append({"day": day.isoformat(), "bytes": each.bytes, "rows": each.rows,
                             "goes": goes})  # fmt: skip
    finally:
        await connection.close()
    return {
        "bytes": sum(each.bytes for each in measured),
        "tables": [_plain(each) for each in rest],
        "days": rows,
        "dropped": [day.isoformat() for day in dropped],
        "retention": _told(keep),
    }


def _plain(each: Any) -> dict[str, Any]:
    import msgspec

    return msgspec.structs.asdict(each)


def _day_of(name: str) -> "date":
    from datetime import datetime

    return datetime.strptime(name, "segment_%Y%m%d").date()


def _when(day: "date", keep: "Retention") -> str:
    from datetime import timedelta

    days = max(keep.segment_days or 0, keep.replay_days)
    return (day + timedelta(days=days + 1)).isoformat()


def _told(keep: "Retention") -> str:
    if keep.segment_days is None:
        return "segments are kept for ever (FUNNEL_RETENTION__SEGMENT_DAYS is not set)"
    days = max(keep.segment_days, keep.replay_days)
    return f"segments are kept for {days} days, everything else for ever"
