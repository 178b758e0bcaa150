"""What became of some contacts of a demo."""

from typing import TYPE_CHECKING, Final

from app.cli import printing
from app.cli.demo_report import heading, more
from app.domain.routing import DEFAULT_TENANT
from app.simulation import cast

if TYPE_CHECKING:
    from app.cli.demo_heard import Heard
    from app.settings import Settings
    from app.storage.rows import StoredChange

EXPLAINED: Final = 3
CANDIDATES: Final = 50
EVIDENCE_SHOWN: Final = 3
STAGES_SHOWN: Final = 4
LIVES: Final = (
    (cast.USER, "hand-off accepted"),
    (cast.REJECTED, "hand-off rejected"),
    (cast.WITHDRAWN, "hand-off withdrawn"),
    (cast.STALE, "went quiet"),
    (cast.CAME_BACK, "lost, and came back"),
    (cast.CUSTOMER, "bought, wants more"),
    (cast.FORM, f"was {cast.VISITOR}"),
    (cast.FORGOTTEN, "asked to be forgotten"),
)


async def show_opportunities(settings: "Settings") -> None:
    """Some there are now: the way to each, and why."""
    from app.cli.database import database
    from app.storage import queries

    async with database(settings) as engine:
        found = await queries.recent_opportunities(engine, CANDIDATES)
    heading("Opportunities, and why")
    for stored in telling(found, EXPLAINED):
        for line in await _told(settings, stored.contact_id):
            printing.line(printing.shown(line))
        more(f"funnel contact why {stored.contact_id}")


def telling(found: "list[StoredChange]", count: int) -> "list[StoredChange]":
    """Those that rest on most, of different causes first."""
    richest = sorted(found, key=lambda stored: -len(stored.change.evidence))
    causes: set[str] = set()
    first: list[StoredChange] = []
    rest: list[StoredChange] = []
    for stored in richest:
        (rest if stored.change.cause.type in causes else first).append(stored)
        causes.add(stored.change.cause.type)
    return (first + rest)[:count]


async def _told(settings: "Settings", key: str) -> list[str]:
    from app.cli.explaining import moment
    from app.cli.known import read_contact
    from app.domain.bitemporal import standing

    known = await read_contact(settings, DEFAULT_TENANT, key)
    moves = [stored.change for stored in standing(known.history)]
    lines = [f"{key}, {known.view.temperature}"]
    for move in moves:
        way = f"{move.from_stage} → {move.to_stage}"
        lines.append(f"  {moment(move.effective_at)}  {way:<25} {move.cause.type}")
    types = {entry.id: entry.type for entry in known.interactions}
    lines += [f"    {_mark(guard.passed)} {guard.guard:<14} {guard.observed}"
              for guard in moves[-1].guards]  # fmt: skip
    rests_on = [types.get(id_, id_) for id_ in moves[-1].evidence][:EVIDENCE_SHOWN]
    return [*lines, f"      evidence       {', '.join(rests_on)}"]


def _mark(passed: bool) -> str:
    return "✓" if passed else "✗"


async def show_taken_back(settings: "Settings", heard: "Heard") -> None:
    """An opportunity that never was one: what others were told, and what holds now."""
    from app.cli.known import read_contact

    key = cast.TAKEN_BACK
    known = await read_contact(settings, DEFAULT_TENANT, key)
    heading("An opportunity that never was one")
    printing.line(f"{key}'s demo request was a colleague's test booking. Others were told:")
    seq = 0
    for message in heard.about_one:
        number = f"seq {message.seq}" if message.seq != seq else ""
        seq = message.seq
        printing.line(f"  {number:<6} {message.type:<20} {_what(message.data)}")
    printing.line(f"It is {known.view.stage} now, {known.view.temperature}.")
    more(f"funnel contact history {key}")


def _what(data: "dict[str, object]") -> str:
    move = f"{data['from_stage']} → {data['to_stage']}" if data.get("to_stage") else ""
    band = f"{data['from']} → {data['to']}" if data.get("to") else ""
    cause = data["cause"]
    assert isinstance(cause, dict)
    return f"{move or band or data.get('track', ''):<25} {cause['type']}"


async def show_lives(settings: "Settings") -> None:
    heading("Others worth a look")
    for key, what in LIVES:
        printing.line(f"  {key}  {what:<22} {await _way_of(settings, key)}")
    more(f"funnel contact history {cast.CAME_BACK}")


async def _way_of(settings: "Settings", key: str) -> str:
    """The last of its stages; nothing is to be found of who was erased."""
    from app.cli.known import read_contact
    from app.domain.bitemporal import standing
    from app.errors import FunnelError

    try:
        known = await read_contact(settings, DEFAULT_TENANT, key)
    except FunnelError:
        return "unknown here: nothing is left"
    stages = [stored.change.to_stage for stored in standing(known.history)] or [known.view.stage]
    if len(stages) > STAGES_SHOWN:
        stages = ["…", *stages[1 - STAGES_SHOWN :]]
    return " › ".join(stages)
