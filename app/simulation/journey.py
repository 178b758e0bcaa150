"""One person's way, step by step: what happened, when, and who reported it."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

import msgspec

from app.domain.interaction import Microseconds
from app.simulation.company import Person

Data = dict[str, Any]
Days = tuple[float, float]

SECOND: Final[Microseconds] = 1_000_000
DAY: Final[Microseconds] = 86_400 * SECOND
SOON: Final[Days] = (0.01, 0.3)
DAYS_LATER: Final[Days] = (1.0, 5.0)
WEEKS_LATER: Final[Days] = (7.0, 21.0)


class Event(msgspec.Struct, frozen=True):
    """One interaction as its reporting system knows it."""

    subject: str
    id: str
    source: str
    type: str
    time: Microseconds
    data: Data
    automated: bool = False
    channel: str | None = None
    campaign: str | None = None
    is_backfill: bool = False


class Journey:
    """Collects the events of one person; every step moves its clock ahead."""

    def __init__(self, person: Person, rng: Random, start: Microseconds) -> None:
        self.person = person
        self.rng = rng
        self.at = start
        self.events: list[Event] = []
        self.campaign = rng.choice(("spring", "retail-days", "data-week", None))

    def then(
        self,
        after: Days,
        type_: str,
        source: str,
        data: Data,
        *,
        channel: str | None = None,
        automated: bool = False,
    ) -> "Journey":
        """`type_` happened, a random time within `after` days later."""
        self.at = self.moment_after(after)
        event = Event(
            subject=self.person.key,
            id=f"{self.rng.getrandbits(128):032x}",
            source=source,
            type=type_,
            time=self.at,
            data=data,
            automated=automated,
            channel=channel,
            campaign=self.campaign if channel is not None else None,
        )
        self.events.append(event)
        return self

    def moment_after(self, after: Days) -> Microseconds:
        """In office hours."""
        found = self.at + round(self.rng.uniform(*after) * DAY)
        return in_office_hours(found, self.rng, self.at)

    def day_from_now(self, days: int) -> str:
        """A date so many days after the journey's clock, as others state one."""
        return (_moment(self.at) + timedelta(days=days)).date().isoformat()


class Diary(Journey):
    """Written from now back: each step stands on the day that was turned to."""

    def __init__(self, person: Person, rng: Random, now: Microseconds) -> None:
        super().__init__(person, rng, now)
        self._now = now

    def turn_to(self, days_ago: float) -> None:
        self.at = self._now - round(days_ago * DAY)

    def moment_after(self, after: Days) -> Microseconds:  # noqa: ARG002 - the day is fixed
        """A minute is enough."""
        return self.at + 60 * SECOND


def in_office_hours(at: Microseconds, rng: Random, not_before: Microseconds) -> Microseconds:
    """`at` moved on to a weekday between 8 and 18 h UTC; later than `not_before`."""
    moment = _moment(at)
    if moment.hour >= 18:
        moment += timedelta(days=1)
    while moment.weekday() >= 5:
        moment += timedelta(days=1)
    if not 8 <= moment.hour < 18:
        moment = moment.replace(hour=rng.randrange(8, 18))
    found = round(moment.timestamp()) * SECOND + rng.randrange(SECOND)
    return max(found, not_before + 30 * SECOND)


def rfc3339(at: Microseconds) -> str:
    moment = _moment(at) + timedelta(microseconds=at % SECOND)
    return moment.isoformat().replace("+00:00", "Z")


def _moment(at: Microseconds) -> datetime:
    return datetime.fromtimestamp(at // SECOND, UTC)
