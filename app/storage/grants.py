"""Who may do what in the database: `funnel migrate` grants it to those of the roles that exist.

deploy/postgres/roles.sql makes the roles, once. Where there is none, one role owns and does
everything, as in `funnel dev`. What is not said here is not granted, and taken back where it was.
"""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Final

import asyncpg


class Role(StrEnum):
    WORKER = "funnel_worker"
    API = "funnel_api"
    WEBHOOKS = "funnel_webhooks"
    ERASURE = "funnel_erasure"
    """A set of rights that the worker holds: all there is to take a person out of the tables."""


_READ: Final = "SELECT"
_ADD: Final = "SELECT, INSERT"
_WRITE: Final = "SELECT, INSERT, UPDATE"
_ALL: Final = "SELECT, INSERT, UPDATE, DELETE"
_TAKE_OUT: Final = "SELECT, DELETE"

RIGHTS: Final[Mapping[str, Mapping[Role, str]]] = {
    "alembic_version": {Role.WORKER: _READ, Role.API: _READ, Role.WEBHOOKS: _READ},
    "revision_floor": {Role.WORKER: _READ, Role.API: _READ, Role.WEBHOOKS: _READ},
    "lane": {Role.WORKER: _ADD, Role.API: _READ},
    "lane_partition": {Role.WORKER: _WRITE, Role.API: _READ},
    "segment": {
        Role.WORKER: _ADD,
        # a resumed stream tells again what was published, never what came in
        Role.API: "SELECT (lane, partition, batch_seq, as_of, outputs)",
        Role.ERASURE: "SELECT, UPDATE",
    },
    "contact": {Role.WORKER: _WRITE, Role.API: _READ, Role.ERASURE: _TAKE_OUT},
    "contact_log": {Role.WORKER: _WRITE, Role.API: _READ, Role.ERASURE: _TAKE_OUT},
    "stage_change": {Role.WORKER: _WRITE, Role.API: _READ, Role.ERASURE: _TAKE_OUT},
    "dead_letter": {Role.WORKER: _ADD, Role.API: "SELECT, UPDATE", Role.ERASURE: _TAKE_OUT},
    "counter": {Role.WORKER: _WRITE, Role.API: _READ},
    "account": {Role.WORKER: _WRITE, Role.API: _READ},
    "account_member": {Role.WORKER: _WRITE, Role.API: _READ, Role.ERASURE: _TAKE_OUT},
    "account_change": {Role.WORKER: _WRITE, Role.API: _READ},
    "erasure_key": {Role.ERASURE: _ADD, Role.WEBHOOKS: _ADD},
    "erased": {Role.ERASURE: _ADD, Role.WEBHOOKS: _READ},
    "erasure_job": {Role.ERASURE: _ALL},
    "model": {Role.WORKER: _ADD, Role.API: _ADD},
    "model_version": {Role.WORKER: _ADD, Role.API: _ADD},
    "model_timeline": {Role.WORKER: _WRITE, Role.API: _READ},
    "command_result": {Role.WORKER: _ALL, Role.API: _ADD},
    "lane_halt": {Role.WORKER: _ALL, Role.API: _TAKE_OUT},
    "catch_up": {Role.WORKER: _ALL, Role.API: _READ},
    "contact_view": {Role.WORKER: _WRITE, Role.API: _READ, Role.ERASURE: _TAKE_OUT},
    "profile": {Role.WORKER: _WRITE, Role.API: _READ, Role.ERASURE: _TAKE_OUT},
    "open_deal": {Role.WORKER: _ALL, Role.API: _READ},
    "stage_flow": {Role.WORKER: _ALL, Role.API: _READ},
    "touch_flow": {Role.WORKER: _ALL, Role.API: _READ, Role.ERASURE: _TAKE_OUT},
    "webhook": {Role.API: _WRITE, Role.WEBHOOKS: _ALL},
    "delivery": {Role.API: _WRITE, Role.WEBHOOKS: _ALL, Role.ERASURE: "SELECT, UPDATE"},
}
"""Of each table; one that is not there is passed over."""

_EXISTING: Final = "SELECT rolname FROM pg_roles WHERE rolname = ANY ($1::text[])"

_TABLES: Final = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"

_DAY: Final = """
CREATE OR REPLACE FUNCTION funnel_segment_day(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    name text := 'segment_' || to_char(day, 'YYYYMMDD');
BEGIN
    IF day NOT BETWEEN current_date - 2 AND current_date + 32 THEN
        RAISE 'segments of % are not to be made now', day;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE segment INCLUDING ALL)', name);
    EXECUTE format('WITH moved AS (DELETE FROM segment_default WHERE day = %L RETURNING *)'
        ' INSERT INTO %I SELECT * FROM moved', day, name);
    EXECUTE format('ALTER TABLE segment ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        name, day, day + 1);
END $$
"""
"""The one change of the schema that a worker makes, for a worker that may make none."""


async def grant(connection: asyncpg.Connection) -> list[Role]:
    """Runs in the caller's transaction, as the owner of the tables; the roles there are."""
    rows = await connection.fetch(_EXISTING, [str(role) for role in Role])
    roles = sorted(Role(row["rolname"]) for row in rows)
    if not roles:
        return []
    await connection.execute(_DAY)
    tables = await connection.fetch(_TABLES)
    for statement in _statements(roles, {row["tablename"] for row in tables}):
        await connection.execute(statement)
    return roles


def _statements(roles: list[Role], tables: Collection[str]) -> list[str]:
    """Names are constants of this file."""
    everybody = ", ".join(roles)
    made = [
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {everybody}",
        f"GRANT USAGE ON SCHEMA public TO {everybody}",
        "REVOKE ALL ON FUNCTION funnel_segment_day FROM PUBLIC",
    ]
    if Role.WORKER in roles:
        made.append(f"GRANT EXECUTE ON FUNCTION funnel_segment_day TO {Role.WORKER}")
    for table, rights in RIGHTS.items():
        made += [
            f"GRANT {right} ON {table} TO {role}"
            for role, right in rights.items()
            if role in roles and table in tables
        ]
    return made
