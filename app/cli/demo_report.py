"""What a demo says in words: what is sent, whether it adds up, some whys, and where to look."""

from typing import TYPE_CHECKING, Final

from app.cli import printing
from app.cli.watching import Figures, line_of

if TYPE_CHECKING:
    from app.cli.local import Local
    from app.settings import Settings
    from app.simulation.traffic import Traffic
    from app.storage.rows import StoredChange

EXPLAINED: Final = 3
CANDIDATES: Final = 50


def announce(past: "Traffic") -> None:
    printing.line()
    printing.line(
        f"Nordlicht Analytics: {past.contacts:,} people, {len(past.deliveries):,} interactions"
        " of the last months,"
    )
    printing.line(
        f"among them {past.duplicates:,} duplicates, {past.late:,} late, {past.backfilled:,}"
        f" imported, {past.automated:,} by machines, {past.off_home:,} from systems with another"
        f" partitioner, {past.poison:,} poison."
    )
    printing.line()


def adds_up(figures: Figures, past: "Traffic") -> bool:
    """Whether everything sent was handled once, and only the poison became dead letters."""
    dead = figures.handled.get("dead_letter", 0)
    is_complete = figures.completed == figures.sent == len(past.deliveries)
    is_complete = is_complete and dead == past.poison
    printing.line(line_of(figures))
    printing.line(
        f"{'✓' if is_complete else '✗'} sent {figures.sent:,}, handled {figures.completed:,};"
        f" poison sent {past.poison:,}, dead letters {dead:,}"
    )
    if not is_complete:
        printing.note("funnel: sent and handled do not add up; see the log above")
    return is_complete


async def explain_some(settings: "Settings") -> str | None:
    """Some of the opportunities there are now, the way to each and the why; the first's key."""
    from app.cli.database import database
    from app.cli.explaining import told_path
    from app.cli.known import read_contact
    from app.storage import queries

    async with database(settings) as engine:
        found = await queries.recent_opportunities(engine, CANDIDATES)
    chosen = telling(found, EXPLAINED)
    for stored in chosen:
        known = await read_contact(settings, stored.tenant, stored.contact_id)
        printing.line()
        for line in told_path(known.history, known.interactions):
            printing.line(line)
    return chosen[0].contact_id if chosen else None


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


def how_to_look_further(running: "Local", key: str, exits: bool) -> None:
    printing.line()
    if exits:
        printing.line("Run it without --exit to look further: funnel demo")
        return
    printing.line("In another terminal, from this directory:")
    for command in (
        "funnel tail                      stage changes as they happen",
        f"funnel contact show {key}    one contact; also: history, why, why-not",
        "funnel lag                       is anything behind?",
        "funnel deadletters list          what could not be processed",
        f"funnel publish demo.requested {key} -f product_id=analytics",
        f"curl {running.http_url}/metrics",
    ):
        printing.line(f"  {command}")
    printing.line()
    printing.line("Live traffic goes on until Ctrl-C; what it moves:")
