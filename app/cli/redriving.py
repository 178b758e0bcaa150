"""Sending dead letters again from the command line."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.cli import printing
from app.errors import FunnelError

if TYPE_CHECKING:
    from app.cli.sending import Sender
    from app.outbound.redriving import Original, Redriven
    from app.settings import Settings
    from app.storage.dead_letter_queries import Wanted


async def redrive_ids(
    settings: "Settings", ids: Sequence[int], actor: str, *, dry_run: bool
) -> "Redriven":
    """FunnelError, before anything is sent, where one is not there or not whole; Unavailable."""
    from app.cli.database import database
    from app.cli.sending import sender
    from app.outbound.redriving import Redriven, Redriving, is_whole
    from app.storage import dead_letter_queries as queries

    async with database(settings) as engine:
        letters = []
        for each in dict.fromkeys(ids):
            found = await queries.find(engine, each) if 0 < each < 2**63 else None
            if found is None:
                raise FunnelError(f"there is no dead letter {each}: nothing was sent")
            if not is_whole(found):
                raise FunnelError(
                    f"dead letter {each} was too large to be kept whole: let its producer send it"
                    " again. Nothing was sent."
                )
            letters.append(found)
        if not dry_run:
            async with sender(settings.kafka) as to:
                redriving = Redriving(engine, _Sending(to), actor)
                for letter in letters:
                    await redriving.one(letter)
    done = [letter.id for letter in letters]
    return Redriven(len(done), len(done), 0, 0, done)


async def redrive_wanted(
    settings: "Settings", wanted: "Wanted", actor: str, limit: int, rate: float, *, dry_run: bool
) -> "Redriven":
    """Raises Unavailable: what was sent by then is marked, the rest is still there."""
    from app.cli.database import database
    from app.cli.sending import sender
    from app.outbound.redriving import Redriving

    async with database(settings) as engine, sender(settings.kafka) as to:
        redriving = Redriving(engine, _Sending(to), actor)
        if dry_run:
            return await redriving.would(wanted, limit=limit)
        with printing.counting("sent again") as count:
            return await redriving.many(
                wanted, limit=limit, per_second=rate, max_seconds=float("inf"), tell=count
            )


class _Sending:
    def __init__(self, to: "Sender") -> None:
        self._to = to

    async def __call__(self, originals: "Sequence[Original]") -> None:
        for each in originals:
            await self._to.send(
                each.topic, each.key, each.value, headers=each.headers, partition=each.partition
            )
        await self._to.confirm()
