"""A funnel model, compiled: immutable, shared by all contacts, made once per model version."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar
from zoneinfo import ZoneInfo

from app.domain.calendar import day_of, instant_of
from app.domain.interaction import Microseconds
from app.domain.state import NEVER

if TYPE_CHECKING:
    from app.domain.business_hours import BusinessHours
    from app.domain.entry import Entry
    from app.domain.state import State

Check = Callable[["State", "Entry", "Rules"], bool]
Observation = tuple[str, tuple[str, ...]]
"""What was seen, in words, and the ids of the interactions it rests on."""
Observe = Callable[["State", Microseconds, "Rules"], Observation]
Record = Callable[["State", "Entry", "Rules"], None]


@dataclass(frozen=True, slots=True)
class Hop:
    """One move of a transition; `inferred`: a stage passed on the way, not proven by itself."""

    transition: str
    from_stage: str
    to_stage: str
    inferred: bool
    starts_cycle: bool = False


@dataclass(frozen=True, slots=True)
class Tell:
    """How a guard explains itself."""

    guard: str
    observe: Observe
    required: str


@dataclass(frozen=True, slots=True)
class Transition:
    id: str
    from_stage: str
    to_stage: str
    on: tuple[str, ...]
    guards: tuple[str, ...]
    checks: tuple[Check, ...]
    tells: tuple[Tell, ...]
    priority: int
    hops: tuple[Hop, ...]
    outcome: str
    """What leaving the stage opportunity by it is called."""
    is_override: bool
    """A person decides, against the guards."""
    breaks_pin: frozenset[str] = frozenset()
    """Those of its triggers that move a pinned contact, too."""
    cycle: str = "same"
    """Of its last move: same, next, or next_on_intent (an intent begins a new cycle)."""
    nurture: str | None = None
    """The track that marketing is asked to nurture on after it."""
    ends_customer: bool = False


@dataclass(frozen=True, slots=True)
class When:
    """A condition on an interaction's own data (and the first day we knew of the contact)."""

    fields: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    is_returning: bool = False
    """On a later day than the first human inbound interaction."""
    passed: str | None = None
    """This date in the data had passed when it was stated."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an interaction of a type, with such data, means."""

    when: When | None
    classes: tuple[str, ...]
    is_weak: bool
    points: float
    half_life_seconds: int
    cap_per_day: float | None
    triggers: tuple[str, ...]
    is_inbound: bool
    is_two_way: bool
    is_intent: bool
    is_sales: bool
    moves: dict[str, tuple[Transition, ...]] = field(default_factory=dict, compare=False)
    """Per stage, what it may set off, in the order in which to try."""


@dataclass(frozen=True, slots=True)
class InteractionType:
    name: str
    requires: tuple[str, ...]
    reads: tuple[str, ...]
    """Fields of the data that the log keeps."""
    flags: tuple[str, ...]
    """Fields of which the log keeps only that they were given."""
    is_command: bool
    """Accepted from the commands topic only."""
    is_outbound: bool
    is_telling: bool
    """It changes what others see of the contact, whatever the stage."""
    is_sales: bool
    settles: bool
    """It counts by the timer click_settles, once it is known that no machine made it."""
    arms: bool
    """It may bring a timer forward that no move and no change of temperature would."""
    record: Record | None
    outcomes: tuple[Outcome, ...]
    """The first whose condition holds; the last has none."""

    @property
    def may_be_intent(self) -> bool:
        """With some data it is one."""
        return any(outcome.is_intent for outcome in self.outcomes)


@dataclass(frozen=True, slots=True)
class Stage:
    name: str
    definition: str
    kind: str
    owner: str | None
    is_pipeline: bool


@dataclass(frozen=True, slots=True)
class Terms:
    """The model's numbers and knobs. Times in microseconds, scores in points."""

    two_way_recent: Microseconds
    intent_active: Microseconds
    deadline_grace: Microseconds
    hot_intent: Microseconds
    hot_engagement: float
    hot_deadline: Microseconds
    warm_inbound: Microseconds
    warm_engagement: float
    old_habit: Microseconds
    strong_engagement: float
    fit: Mapping[str, int]
    company_size: tuple[float, float]
    is_icp_held: bool
    """An unknown industry waits."""
    gated: tuple[str, ...]
    """Criteria that block while unknown: budget, authority."""
    handoff_stage: str | None
    """Entering it asks sales to take over; None: nobody is asked, or the account is."""
    is_account_handoff: bool
    content_fit: float
    """With a fit of so many points a download stands in for talking back."""
    cooling: Microseconds
    cooling_points: float
    marks: tuple[float, ...]
    """Of the engagement, in thousandths, highest first: at or below one, a band may be left."""
    ask_again: Microseconds
    """Between two requests to find out the industry."""
    pin: Microseconds
    terms: Mapping[str, Microseconds]
    """Of the timers, by name; a timer without one is off."""
    business: Mapping[str, float]
    """Of the service-level timers, in business hours."""
    is_shadow: bool = False
    """Nobody is asked or told anything: only moves count, so a contact stays cold."""


@dataclass(frozen=True, slots=True)
class Rules:
    """`ref` is ``name@version``. Built by `compile_model` only."""

    ref: str
    title: str
    stages: Mapping[str, Stage]
    types: Mapping[str, InteractionType]
    transitions: tuple[Transition, ...]
    terms: Terms
    zone: ZoneInfo | None
    """None: UTC."""
    hours: "BusinessHours"
    timer_moves: Mapping[str, Mapping[str, tuple[Transition, ...]]]
    """Per trigger without an interaction and stage: what it may set off."""
    ignores_unknown_types: bool
    stage_map: Mapping[str, str]
    """For contacts in a stage that this model lacks: where they go when it is activated."""
    account_of: Callable[[str], str | None]
    """The organisation an e-mail address speaks of."""
    role_mailboxes: frozenset[str]
    unwanted_domains: frozenset[str]

    # One model is a timeline of its own.
    generation: ClassVar[int] = 0
    refolded: ClassVar[int] = 0

    def at(self, time: Microseconds) -> "Rules":  # noqa: ARG002
        """The rules in force at an effective time."""
        return self

    def spans_after(
        self,
        time: Microseconds,  # noqa: ARG002
    ) -> "tuple[tuple[Microseconds, Microseconds, Rules], ...]":
        """(start, end, rules) of the stretches of effective time from `time` on."""
        return ((-NEVER, NEVER, self),)

    def day(self, time: Microseconds) -> int:
        """Days since 1970 in the model's time zone."""
        return time // 86_400_000_000 if self.zone is None else day_of(time, self.zone)

    def instant(self, value: object) -> Microseconds | None:
        """A date or time of the data; a date without a time means its end in the model's zone."""
        return instant_of(value, self.zone) if isinstance(value, str) else None
