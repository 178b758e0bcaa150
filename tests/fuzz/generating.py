"""What schemathesis is told: how many cases, from which values, and what they are judged by."""

import json
from collections.abc import Sequence
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any, Final, NamedTuple

from app.api.cursor import cursor_of
from app.models import names
from tests.fuzz.traffic import Values

LEFT_OUT: Final = {
    "stream": "server-sent events: an answer does not end, and a case is judged when its answer"
    " has; tests/scenario/test_live.py reads it",
}
"""Operations that are not asked, and why. All others are, also those that are yet to come."""

COSTLY: Final = {
    "simulate": "each reads the tenant's whole history, in a process of its own",
    "activate": "each sweeps all of the tenant's contacts",
}
"""Operations whose name begins so get few cases, and why."""
COSTLY_EXAMPLES: Final = 10

UNMADE: Final = {
    "max_response_time": "a busy machine is no fault; the edge ends a request after 30 s",
}
"""Checks of schemathesis that are not made, and why."""

PROBABILITY: Final = 0.5
"""So often a parameter has one of the values that lead somewhere."""
MOMENTS: Final = ("2026-03-02T09:14:05Z", "2026-03-02", "2000-01-01", "2027-06-30T23:59:60.9+14:00")
VALUES: Final[Values] = {
    "path.model": names(),
    "query.stage": ["lead", "prospect", "opportunity", "customer", "lost"],
    "query.as_of": MOMENTS,
    "query.known_at": MOMENTS,
    "query.owner_team": ["sales", "marketing"],
    "query.after": [cursor_of(each) for each in (7, "a", (7, "a"), (7, "0" * 32), (7, "a", "b"))],
}


class Identity(NamedTuple):
    """A token, whose tenant nobody else's is."""

    token: str
    tenant: str


class Plan(NamedTuple):
    """The same seed, the same cases, as far as answers are the same."""

    phases: tuple[str, ...]
    examples: int
    """Of each operation, in each phase."""
    chains: int
    """Of operations, each asked for what those before it gave."""
    seed: int
    seconds: int | None = None
    """Phases are repeated for so long; None: once."""


LONG: Final = ("examples", "coverage", "fuzzing", "stateful")
"""coverage: each border of each parameter, and each way to be wrong."""
SHORT: Final = ("examples", "fuzzing", "stateful")


def write_identities(file: Path, own: Identity, other: Identity) -> None:
    """As schemathesis reads them: what is asked as `own` is asked as `other`, too."""
    users = [
        {
            "name": each.tenant,
            "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {each.token}"}],
        }
        for each in (own, other)
    ]
    file.write_text(json.dumps({"auth": users}))


def configuration(
    plan: Plan, base_url: str, identities: Path, tenants: Sequence[str], known: Sequence[Values]
) -> dict[str, Any]:
    """`tenants`: by whom it is asked, and who must not see what is that one's. `known`: values that
    lead somewhere: of all operations; then, each together, of those that have all of them."""
    everywhere, *groups = known
    every = reduce(or_, map(dict, groups), {**VALUES, **everywhere})
    found = {
        "seed": plan.seed,
        "base-url": base_url,
        "cache": {"enabled": False},
        "workers": 1,
        "continue-on-failure": True,
        "request-timeout": 60,
        "auth": {
            "wfc": {"path": str(identities), "user": tenants[0], "peers": list(tenants)},
        },
        "generation": {
            "max-examples": plan.examples,
            "no-shrink": True,
            "database": "none",
            "with-security-parameters": False,
        },
        "phases": {
            **{name: {"enabled": name in plan.phases} for name in LONG},
            "stateful": {
                "enabled": "stateful" in plan.phases,
                "generation": {"max-examples": plan.chains},
            },
        },
        "dictionaries": {name: {"values": list(values)} for name, values in every.items()},
        "parameters": _drawn({**VALUES, **everywhere}),
        "operations": [
            *(
                {
                    "include-operation-id-regex": f"^{name}",
                    "generation": {"max-examples": min(COSTLY_EXAMPLES, plan.examples)},
                }
                for name in COSTLY
            ),
            *(
                {"include-path-regex": _having_all(group), "parameters": _drawn(group)}
                for group in groups
            ),
        ],
    }
    return found if plan.seconds is None else {**found, "max-time": plan.seconds}


def _drawn(values: Values) -> dict[str, Any]:
    return {name: {"dictionary": name, "probability": PROBABILITY} for name in values}


def _having_all(values: Values) -> str:
    """In their order."""
    return ".*".join("{" + name.removeprefix("path.") + "}" for name in values)
