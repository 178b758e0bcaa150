"""The live view's Faust agents: each iterates rounds from a channel of its own.

Losing a round costs nothing here: what listens is ended and asks again, a count is a little low.
So an agent's exception is counted and restarts that agent, and nothing more.
"""

import traceback
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import faust
import structlog
from faust.types import StreamT

from app.live.rounds import Round

CHANNEL_MAX_ROUNDS: Final = 16
"""Then the reader waits."""

log = structlog.get_logger(__name__)

Work = Callable[[Round], None]


class Fed(NamedTuple):
    """An agent, and the channel it is fed by."""

    agent: Any
    channel: Any


def make_agents(
    app: faust.App, works: Mapping[str, Work], failed: Callable[[str], None]
) -> dict[str, Fed]:
    """One for each of `works`, by its name. `failed` is told the name of one that is restarted."""
    return {name: _make(app, name, work, failed) for name, work in works.items()}


def _make(app: faust.App, name: str, work: Work, failed: Callable[[str], None]) -> Fed:
    async def each_round(rounds: StreamT[Round]) -> None:
        async for batches in rounds:
            try:
                work(batches)
            except Exception as bug:
                failed(name)
                tell_bug(name, bug)
                raise  # Faust restarts the agent with the next round

    channel = app.channel(maxsize=CHANNEL_MAX_ROUNDS)
    return Fed(app.agent(channel, name=f"live-{name}")(each_round), channel)


def tell_bug(part: str, bug: Exception) -> None:
    """Without its message: that may quote what was published."""
    frames = "".join(traceback.format_tb(bug.__traceback__))
    error = type(bug).__name__
    log.error("the live view failed, it begins anew", part=part, error=error, frames=frames)
