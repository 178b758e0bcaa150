"""What a demo says in words: what is sent, what became of it, and where to look further."""

import asyncio
from typing import TYPE_CHECKING, Final

from app.cli import printing
from app.cli.watching import TEMPERATURES, Figures, lines_of, rows_of

if TYPE_CHECKING:
    from app.cli.demo_heard import Heard
    from app.cli.local import Local
    from app.settings import Settings
    from app.simulation.traffic import Traffic

WIDTH: Final = 78


def announce(past: "Traffic") -> None:
    printing.line()
    printing.line(
        f"Nordlicht Analytics: {past.contacts:,} people, {len(past.deliveries):,} interactions"
        " of the last months,"
    )
    printing.line(
        f"among them {past.duplicates:,} duplicates, {past.late:,} late, {past.backfilled:,}"
        f" imported, {past.automated:,} by machines,"
    )
    printing.line(
        f"{past.off_home:,} from systems with another partitioner, {past.poison:,} poison."
    )
    printing.line()


async def report(settings: "Settings", figures: Figures, past: "Traffic") -> bool:
    """All of it; False where it does not add up."""
    from app.cli.demo_accounts import show_accounts
    from app.cli.demo_heard import hear
    from app.cli.demo_questions import ask_what_if, show_what_if, show_why_not
    from app.cli.demo_stories import show_lives, show_opportunities, show_taken_back
    from app.simulation.cast import TAKEN_BACK

    simulating = asyncio.create_task(ask_what_if(settings))
    try:
        heard = await hear(settings, TAKEN_BACK)
        heading("The funnel")
        printing.table(("stage", "contacts", *TEMPERATURES), rows_of(figures.stages))
        is_complete = adds_up(figures, past, heard)
        await show_opportunities(settings)
        await show_accounts(settings)
        await show_taken_back(settings, heard)
        await show_lives(settings)
        await show_why_not(settings)
        show_what_if(await simulating)
    finally:
        simulating.cancel()
        await asyncio.wait([simulating])
    return is_complete


def adds_up(figures: Figures, past: "Traffic", heard: "Heard") -> bool:
    """Whether everything sent was handled once, and only the poison became dead letters."""
    dead = figures.handled.get("dead_letter", 0)
    handled = figures.completed - heard.between_lanes
    is_complete = handled == figures.sent == figures.to_send and dead == past.poison
    printing.line(lines_of(figures)[1])
    printing.line(
        f"{'✓' if is_complete else '✗'} sent {figures.sent:,}, handled {handled:,};"
        f" poison sent {past.poison:,}, dead letters {dead:,}"
    )
    told = heard.counts
    printing.line(
        f"told others: stage changes {told['stage_changed']:,}"
        f" · changes of temperature {told['temperature_changed']:,}"
        f" · to nurture {told['nurture_requested']:,}"
    )
    printing.line(
        f"  hand-offs {told['handoff_requested']:,}, withdrawn {told['handoff_withdrawn']:,}"
        f" · opportunities taken back {told['opportunity_revoked']:,}"
        f" · to qualify {told['qualification_needed']:,}"
    )
    if not is_complete:
        printing.note("funnel: sent and handled do not add up; see the log above")
    return is_complete


def heading(text: str) -> None:
    printing.line()
    printing.line(f"── {text} ".ljust(WIDTH, "─"))


def more(*commands: str) -> None:
    """Where there is more of it."""
    for command in commands:
        printing.line(f"  $ {command}")


def how_to_look_further(running: "Local", exits: bool) -> None:
    from app.simulation.cast import USER

    if exits:
        printing.line()
        printing.line("Run it without --exit to look further: funnel demo")
        return
    heading("In another terminal, from this directory")
    more(
        "funnel tail                        stage changes as they happen",
        f"funnel contact show {USER}       one contact; also: history, why, why-not",
        "funnel contact timers              what will happen by itself, and when",
        "funnel lag                         is anything behind?",
        "funnel deadletters list            what could not be processed",
        f"funnel publish demo.requested {USER} -f product_id=analytics",
        f"curl {running.http_url}/metrics",
    )
    printing.line()
    printing.line("Live traffic goes on until Ctrl-C; what it moves:")
