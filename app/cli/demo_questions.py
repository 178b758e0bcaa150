"""What a demo asks the service: why is somebody not further, and what if the rules were others."""

import shlex
from typing import TYPE_CHECKING, Final

from app.cli import printing
from app.cli.demo_report import heading, more
from app.domain.routing import DEFAULT_TENANT
from app.simulation.cast import NO_BUDGET

if TYPE_CHECKING:
    from app.domain.explanation import Explanation
    from app.domain.what_if_report import Report, Sample
    from app.domain.why_not import Suggested
    from app.settings import Settings

TARGET: Final = "opportunity"
CANDIDATE: Final = "profile-first@1"
PAIRS_SHOWN: Final = 4
WAYS_UP: Final = ("prospect", "opportunity")


async def show_why_not(settings: "Settings") -> None:
    """The guards that are missing, and the smallest set of interactions that would do it."""
    from app.cli.known import read_contact
    from app.domain.why_not import why_not

    known = await read_contact(settings, DEFAULT_TENANT, NO_BUDGET)
    answer = why_not(NO_BUDGET, known.contact.fold, TARGET, known.at, known.rules)
    heading("Why not?")
    printing.line(f"{NO_BUDGET} is {answer.stage}. Why not {TARGET}?")
    for way in answer.ways:
        for guard in way.guards:
            printing.line(f"  {'✓' if guard.passed else '✗'} {guard.guard:<14} {guard.observed}")
    printing.line(f"The least that would do it, found by folding ({answer.tried} tried):")
    more(*(_command(each) for each in answer.suggestion))
    moves = ", ".join(f"{move.from_stage} → {move.to_stage}" for move in answer.moves)
    printing.line(f"It would then go {moves}. All of it:")
    more(f"funnel contact why-not {NO_BUDGET} {TARGET}")


def _command(each: "Suggested") -> str:
    fields = (
        f"-f {name}={shlex.quote(value if isinstance(value, str) else repr(value))}"
        for name, value in each.data.items()
    )
    return printing.shown(f"funnel publish {each.type} {NO_BUDGET} {' '.join(fields)}")


async def ask_what_if(settings: "Settings") -> "Report":
    """Everything that was sent, folded under another model."""
    from app.cli.model import definition_of
    from app.domain.topics import CONTACT_LANE
    from app.runtime.what_if.simulate import simulate

    return await simulate(
        settings.database, CONTACT_LANE, definition_of(None), definition_of(CANDIDATE)
    )


def show_what_if(found: "Report") -> None:
    """Who would be elsewhere, and what sales would get."""
    heading("What if?")
    asked, would = found.handoffs
    months = [month.opportunities for month in found.months]
    printing.line(f"{CANDIDATE} waits until the sector is known. With it, on this very traffic:")
    printing.line(f"  {found.movers:,} of {found.contacts:,} contacts would be elsewhere;")
    printing.line(
        f"  hand-offs {asked:,} → {would:,}, opportunities so far"
        f" {sum(now for now, _ in months):,} → {sum(then for _, then in months):,}"
    )
    for pair in found.pairs[:PAIRS_SHOWN]:
        printing.line(f"  {pair.contacts:>5,} in {pair.now} would be in {pair.then}")
    for sample, way in _held_up(found)[:1]:
        lacks = "; ".join(f"{guard.guard}: {guard.observed}" for guard in way.guards)
        printing.line(f"for example {sample.contact_id}: {sample.now}, would be {sample.then},")
        printing.line(printing.shown(f"  and not {way.to_stage}, because of {lacks}"))
    more(f"funnel model simulate {CANDIDATE}")


def _held_up(found: "Report") -> "list[tuple[Sample, Explanation]]":
    """Contacts that would not come as far, each with the way on that would not be open."""
    return [
        (sample, way)
        for sample in found.samples
        for way in sample.blocked
        if way.guards and way.to_stage in WAYS_UP
    ]
