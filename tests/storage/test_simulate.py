"""Simulating over a real database, on processes of their own."""

from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr

from app.domain.model import extended
from app.errors import Unavailable
from app.models import load_definition, load_rules
from app.runtime.what_if.simulate import simulate
from app.settings import Database
from tests.load.filling import LANE, filled

CURRENT, _ = load_definition("b2b-default@1")
UNTIL = 1_790_000_000.0
CONTACTS, INTERACTIONS = 60, 2_700


@pytest.fixture
async def history(database: Database) -> Database:
    """Of contacts some of whom have sealed evidence; their last interactions are long ago."""
    await filled(
        database, load_rules("b2b-default@1"), interactions=INTERACTIONS, contacts=CONTACTS,
        seed=7, partitions=3, until=UNTIL, span_seconds=40 * 86_400.0,
    )  # fmt: skip
    return database


async def test_simulating_the_model_in_force_moves_nobody_and_counts_what_is_live(
    history: Database, other: asyncpg.Connection
) -> None:
    told: list[tuple[int, int]] = []
    report = await simulate(
        history, LANE, CURRENT, CURRENT, progress=lambda done, of: told.append((done, of))
    )
    assert (report.movers, report.same_stage_other_history, report.refused) == (0, 0, 0)
    assert report.contacts == CONTACTS
    assert all(row.current == row.candidate for row in report.transitions)
    assert report.handoffs[0] == report.handoffs[1] > 0
    assert (report.lacking, report.samples, report.notes) == ([], [], [])
    assert told[-1] == (CONTACTS, CONTACTS)
    made = await other.fetch(
        "SELECT transition, from_stage, to_stage, count(*) AS n FROM stage_change AS c"
        " WHERE kind = 'changed' AND revoked_at IS NULL GROUP BY 1, 2, 3"
    )
    live = {(row["transition"], row["from_stage"], row["to_stage"]): row["n"] for row in made}
    counted = {
        (row.transition, row.from_stage, row.to_stage): row.current for row in report.transitions
    }
    for move, n in live.items():
        # Since the clock last stood still only timers went on.
        assert counted[move] >= n if move[2] == "recycled" else counted[move] == n
    assert await other.fetchval("SELECT count(*) FROM contact_log") > 0


async def test_a_candidate_says_who_moves_with_its_guards_and_evidence(history: Database) -> None:
    candidate = model(knobs={"icp_unknown": "hold"})
    report = await simulate(history, LANE, CURRENT, candidate)
    assert report.movers > 0
    assert report.movers == sum(pair.contacts for pair in report.pairs)
    assert sum(row.candidate for row in report.stages) == report.contacts
    assert report.handoffs[1] < report.handoffs[0]
    by_pair = {(pair.now, pair.then) for pair in report.pairs}
    assert {(each.now, each.then) for each in report.samples} == by_pair
    held = next(each for each in report.samples if each.then == "lead")
    assert held.decided is not None
    assert held.decided.transition == "T1"
    assert held.decided.evidence
    assert {guard.guard for guard in held.decided.guards} >= {"identified"}
    assert "icp" in {guard.guard for way in held.blocked for guard in way.guards}


async def test_fields_that_the_evidence_lacks_are_named(history: Database) -> None:
    reads = {"content.downloaded": {"reads": ["content_id"]}}
    report = await simulate(history, LANE, CURRENT, model(interactions=reads))
    (lack,) = report.lacking
    assert (lack.type, lack.field) == ("content.downloaded", "content_id")
    assert lack.interactions > 0
    assert report.movers == 0


async def test_a_limit_takes_contacts_of_all_partitions(history: Database) -> None:
    report = await simulate(history, LANE, CURRENT, CURRENT, limit_contacts=31)
    assert report.contacts == 31


async def test_one_tenant_is_simulated_alone(history: Database) -> None:
    assert (await simulate(history, LANE, CURRENT, CURRENT, tenant="other")).contacts == 0
    report = await simulate(history, LANE, CURRENT, CURRENT, tenant="default")
    assert report.contacts == CONTACTS


async def test_without_a_database_it_says_so(own_directory: Path) -> None:
    nowhere = Database(url=SecretStr(f"postgresql://u@/x?host={own_directory}"))
    with pytest.raises(Unavailable):
        await simulate(nowhere, LANE, CURRENT, CURRENT)


def model(**changes: Any) -> dict[str, Any]:
    """The model in force, but …"""
    return extended(CURRENT, {"name": "candidate", **changes})
