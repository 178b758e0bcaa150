"""From what was counted to the report."""

from collections import Counter
from collections.abc import Iterator, Sequence

from app.domain.interaction import Microseconds
from app.domain.rules import Rules
from app.domain.state import CUSTOMER, OPPORTUNITY
from app.domain.what_if_report import Lack, Month, PairCount, Report, StageCount, TransitionCount
from app.domain.what_if_tally import Side, Tally, first_of


def report_of(
    tally: Tally, known: Sequence[Rules], candidate: Rules, until: Microseconds
) -> Report:
    """`known`: every model that may be in force; the first one where there are no contacts."""
    current = [each for each in known if tally.models[each.ref]] or [known[0]]
    sides = (tally.current, tally.candidate)
    movers = [PairCount(*pair, n) for pair, n in tally.pairs.most_common() if pair[0] != pair[1]]
    return Report(
        current=", ".join(dict.fromkeys(each.ref for each in current)),
        candidate=candidate.ref,
        until=until,
        contacts=tally.contacts,
        interactions=tally.interactions,
        movers=sum(each.contacts for each in movers),
        pairs=sorted(movers, key=lambda each: (-each.contacts, each.now, each.then)),
        same_stage_other_history=tally.same_stage_other_history,
        stages=[
            StageCount(stage, *(side.stages[stage] for side in sides))
            for stage in _stages(current, candidate)
            if any(side.stages[stage] for side in sides)
        ],
        customers=(tally.current.customers, tally.candidate.customers),
        handoffs=(tally.current.handoffs.total(), tally.candidate.handoffs.total()),
        transitions=_transitions(*sides),
        months=_months(*sides),
        lacking=[Lack(*which, n) for which, n in sorted(tally.lacking.items())],
        listed=first_of(tally.movers),
        samples=tally.samples,
        refused=tally.refused,
        refusal=tally.refusal,
        notes=[note for each in current for note in _notes(each, candidate)],
    )


def _stages(current: Sequence[Rules], candidate: Rules) -> list[str]:
    every = (stage for each in (*current, candidate) for stage in each.stages)
    return list(dict.fromkeys(("none", *every)))


def _transitions(*sides: Side) -> list[TransitionCount]:
    counts: list[Counter[tuple[str, str, str]]] = []
    for side in sides:
        total: Counter[tuple[str, str, str]] = Counter()
        for (_, *move), n in side.moves.items():
            total[move[0], move[1], move[2]] += n
        counts.append(total)
    every = sorted(counts[0].keys() | counts[1].keys(), key=_numbered)
    return [TransitionCount(*move, counts[0][move], counts[1][move]) for move in every]


def _numbered(move: tuple[str, str, str]) -> tuple[int, str, str, str]:
    """T2 before T10."""
    digits = "".join(char for char in move[0] if char.isdecimal())
    return int(digits or 0), *move


def _months(now: Side, then: Side) -> list[Month]:
    entered: Counter[tuple[int, str, str]] = Counter()
    every: set[str] = set()
    for at, side in enumerate((now, then)):
        every |= side.handoffs.keys()
        for (month, _, _, to_stage), n in side.moves.items():
            every.add(month)
            entered[at, month, to_stage] += n
            entered[at, month, ""] += n
    return [
        Month(
            month,
            (now.handoffs[month], then.handoffs[month]),
            (entered[0, month, OPPORTUNITY], entered[1, month, OPPORTUNITY]),
            (entered[0, month, CUSTOMER], entered[1, month, CUSTOMER]),
            (entered[0, month, ""], entered[1, month, ""]),
        )
        for month in sorted(every)
    ]


def _notes(current: Rules, candidate: Rules) -> Iterator[str]:
    """What the numbers can't show."""
    unseen = sorted(candidate.types.keys() - current.types.keys())
    if unseen:
        yield f"no evidence of {', '.join(unseen)}: {current.ref} does not accept them"
    for name in ("role_mailboxes", "unwanted_domains"):
        if getattr(current, name) != getattr(candidate, name):
            yield (
                f"{name} differ: addresses were judged by {current.ref} when they arrived, and"
                " are not kept"
            )
    if candidate.terms.is_account_handoff and not current.terms.is_account_handoff:
        yield f"{candidate.ref} asks sales to take over accounts: no contact's hand-off is counted"
