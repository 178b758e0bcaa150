"""What the summary and the forecast answer, as JSON and as rows of a table."""

from datetime import date

import msgspec

from app.domain.funnel_figures import figures, is_move, mean_days
from app.storage.funnel_queries import By, Expected, Moved

SUMMARY_COLUMNS = (
    "group", "stage", "entered", "moved_on", "dropped", "conversion", "drop_off", "mean_days",
)  # fmt: skip
FORECAST_COLUMNS = ("month", "currency", "deals", "amount", "weighted", "unweighted")


class StageCount(msgspec.Struct, frozen=True):
    stage: str
    contacts: int


class StageFlow(msgspec.Struct, frozen=True):
    """What happened at one stage in a period. Rates are of flows: who moved on may have come
    before the period."""

    stage: str
    entered: int
    moved_on: int
    """Further on the way lead, prospect, opportunity, customer; from elsewhere: back to it."""
    dropped: int
    """To a stage that is not on that way."""
    conversion: float | None
    """moved_on / entered; null: nobody entered."""
    drop_off: float | None
    """dropped / entered; null: nobody entered."""
    mean_days: float | None
    """In the stage, of those who moved on."""


class Moves(msgspec.Struct, frozen=True):
    from_stage: str
    to_stage: str
    n: int
    mean_days: float | None
    """In from_stage, before; null for `none`."""


class FlowGroup(msgspec.Struct, frozen=True):
    group: str | None
    """A date, a week's Monday, a month, a channel or a campaign (null: none is known)."""
    stages: list[StageFlow]
    moves: list[Moves]


class Summary(msgspec.Struct, frozen=True):
    since: str
    until: str
    """The last day; whole months where channels or campaigns are asked for."""
    by: str
    stages: list[StageCount]
    """Of all contacts, now."""
    groups: list[FlowGroup]


class ForecastItem(msgspec.Struct, frozen=True):
    month: str | None
    """In which they should be won; null: not known."""
    currency: str | None
    deals: int
    amount: float
    """Of those that have one."""
    weighted: float
    """Sum of amount × probability."""
    unweighted: int
    """Deals without amount or probability: they are not in `weighted`."""


class Forecast(msgspec.Struct, frozen=True):
    at: str
    items: list[ForecastItem]


def flow_groups(by: By, moved: list[Moved], stages: list[str]) -> list[FlowGroup]:
    """In order; without a grouping there is always one."""
    groups: dict[str | None, dict[tuple[str, str], tuple[int, int]]] = {}
    if by == "none":
        groups[None] = {}
    for each in moved:
        if each.n and is_move(each.from_stage, each.to_stage):
            found = groups.setdefault(_name(by, each.group), {})
            found[each.from_stage, each.to_stage] = (each.n, each.stayed_seconds)
    return [_group(name, groups[name], stages) for name in sorted(groups, key=_in_order)]


def _group(
    name: str | None, counted: dict[tuple[str, str], tuple[int, int]], stages: list[str]
) -> FlowGroup:
    order = {stage: n for n, stage in enumerate(("none", *stages))}
    rows = sorted(counted, key=lambda move: [(order.get(stage, 99), stage) for stage in move])
    return FlowGroup(
        name,
        [StageFlow(*each) for each in figures(stages, counted)],
        [
            Moves(*move, counted[move][0], None if move[0] == "none" else mean_days(*counted[move]))
            for move in rows
        ],
    )


def _in_order(name: str | None) -> tuple[bool, str]:
    """null last."""
    return name is None, name or ""


def _name(by: By, group: date | str | None) -> str | None:
    if isinstance(group, date):
        return group.isoformat()[:7] if by == "month" else group.isoformat()
    return group or None


def summary_rows(summary: Summary) -> list[list[object]]:
    return [
        [group.group, *msgspec.structs.astuple(stage)]
        for group in summary.groups
        for stage in group.stages
    ]


def forecast_item(row: Expected) -> ForecastItem:
    return ForecastItem(
        row.month, row.currency, row.deals, round(row.amount, 2), round(row.weighted, 2),
        row.unweighted,
    )  # fmt: skip
