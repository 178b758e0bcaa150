"""The composition root of the pages: plain constructor calls, nothing is decided here."""

import time
from collections.abc import Mapping
from typing import Any

from litestar import Router

from app.api.access import Access
from app.api.database import Database
from app.api.simulations import Progress, Simulations
from app.api.ui.decisions import SentDecisions
from app.api.ui.moved_contacts import MovedContacts
from app.api.ui.pages import PageSettings, make_pages
from app.api.ui.published_feed import PublishedFeed
from app.api.ui.stored_lists import StoredLists
from app.api.ui.throughput import Throughput
from app.bootstrap import now
from app.domain.rules import Rules
from app.domain.topics import CONTACT_LANE
from app.domain.what_if_report import Report
from app.models import load_definition
from app.runtime.ruling import latest_of
from app.runtime.what_if.simulate import simulate
from app.settings import Settings


def build_simulations(settings: Settings) -> Simulations:
    async def run(tenant: str, candidate: Mapping[str, Any], progress: Progress) -> Report:
        default, _ = load_definition(settings.model, settings.models_dir)
        return await simulate(
            settings.database,
            CONTACT_LANE,
            default,
            dict(candidate),
            tenant=tenant,
            processes=settings.api.simulation_processes,
            progress=progress,
        )

    return Simulations(
        run,
        now,
        running_max=settings.api.simulations_max,
        kept_max=settings.api.simulations_kept_max,
        timeout_seconds=settings.api.simulation_timeout_seconds,
    )


def build_pages(
    settings: Settings, access: Access, parts: Mapping[str, Any], version: str
) -> Router:
    """`parts`: what the application's routes ask for."""
    database: Database = parts["database"]

    async def rules_of_tenant(tenant: str) -> Rules:
        return (await latest_of(database.engine, settings, tenant))[0]

    of_pages = {
        "decisions": SentDecisions(parts["commands"], parts["command_log"]),
        "lists": StoredLists(database, parts["lists"], now),
        "moved": MovedContacts(database, parts["lists"]),
        "feed": PublishedFeed(database, parts["streaming"]),
        "throughput": Throughput(time.monotonic),
        "rules_of_tenant": rules_of_tenant,
    }
    api = settings.api
    key = api.session_key.get_secret_value()
    given = PageSettings(key, api.session_max_age_seconds, api.proxy_networks, version)
    return make_pages(access, now, given, of_pages)
