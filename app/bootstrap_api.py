"""The composition root of the role `api`: plain constructor calls, nothing is decided here."""

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from mode import Service

from app import __version__
from app.api.access import Access
from app.api.accounts import ACCOUNT_ROUTES
from app.api.activating import Activating
from app.api.activation_reading import ActivationReading, Timelines
from app.api.activations import ACTIVATION_ROUTES, Activations
from app.api.application import make_application, make_probes
from app.api.checking import Checker
from app.api.command_log import CommandLog
from app.api.command_reading import COMMAND_READING_ROUTES
from app.api.commands import COMMAND_ROUTES, Commands
from app.api.contact_reading import ContactReading
from app.api.contacts import CONTACT_ROUTES
from app.api.database import Database
from app.api.dead_letters import DEAD_LETTER_ROUTES
from app.api.edge import Edge
from app.api.explaining import why, why_not
from app.api.funnel import FUNNEL_ROUTES
from app.api.intake import Intake
from app.api.json_web_tokens import Expected, JsonWebTokens
from app.api.jwks import IssuerKeys, fetching
from app.api.lag import LagReading, LaneTopics
from app.api.lists import LIST_ROUTES, Lists
from app.api.live_counts import LIVE_ROUTES
from app.api.live_stream import STREAM_ROUTES
from app.api.model_files import ModelFiles
from app.api.model_library import KeptModels, ModelLibrary
from app.api.models import MODEL_ROUTES
from app.api.operations import OPERATION_ROUTES
from app.api.partitions import PARTITION_ROUTES, PartitionReading
from app.api.probes import probes
from app.api.publishing import PUBLISHING_ROUTES, Publishing
from app.api.readiness import Check, Readiness
from app.api.simulated_movers import MOVER_ROUTES
from app.api.simulating import SIMULATION_ROUTES
from app.api.tenant_types import TenantTypes
from app.api.timeline import timeline
from app.api.tokens import read_tokens
from app.api.webhooks import WEBHOOK_ROUTES, Subscriptions
from app.bootstrap import INPUTS, for_accounts, now
from app.bootstrap_live import Live, build_live
from app.bootstrap_ui import build_pages, build_simulations
from app.domain.rules import Rules
from app.domain.timeline import Ruling
from app.domain.topics import CONTACT_LANE_INPUTS
from app.inbound.decoding import make_decoder
from app.models import load_rules
from app.runtime.ruling import deciding_models, latest_of, ruling_of
from app.runtime.web import WebService
from app.settings import Api as ApiSettings
from app.settings import Settings
from app.storage.engine import engine
from app.storage.pool import show_pool
from app.telemetry.metrics import Metrics

ROUTES = (
    *PUBLISHING_ROUTES,
    *CONTACT_ROUTES,
    timeline,
    why,
    why_not,
    *COMMAND_ROUTES,
    *COMMAND_READING_ROUTES,
    *ACCOUNT_ROUTES,
    *LIST_ROUTES,
    *FUNNEL_ROUTES,
    *MODEL_ROUTES,
    *ACTIVATION_ROUTES,
    *SIMULATION_ROUTES,
    *MOVER_ROUTES,
    *WEBHOOK_ROUTES,
    *OPERATION_ROUTES,
    *DEAD_LETTER_ROUTES,
    *PARTITION_ROUTES,
    *STREAM_ROUTES,
    *LIVE_ROUTES,
)


class Api(NamedTuple):
    application: Edge
    close: Callable[[], Awaitable[None]]
    """Lets go of the connections."""
    live: Service
    """What its stream and counts are fed by."""
    probes: Edge | None
    """Of the private port, where one is set; else the application has them."""


def build_api(settings: Settings, metrics: Metrics, also: Mapping[str, Check] | None = None) -> Api:
    """Connects when first asked. `also` must be well for it to be ready. SettingsError: its tokens
    are wrong; ModelError."""
    database, intake = _database(settings), Intake(settings.kafka)
    live = build_live(settings, database.engine, metrics)
    checks = {"PostgreSQL": database.check, "Kafka": intake.check, **(also or {})}
    readiness = Readiness(checks, time.monotonic)
    show_pool(database.engine, metrics)

    async def close() -> None:
        await parts["simulations"].close()
        await intake.close()
        await database.close()

    access, parts = _access(settings.api), _parts(settings, database, intake, live)
    probing, is_apart = probes(readiness.health, metrics), settings.api.probes_port is not None
    inner = make_application(
        ROUTES,
        [] if is_apart else probing,
        access,
        parts=parts,
        version=__version__,
        request_max_bytes=settings.api.request_max_bytes,
        pages=[build_pages(settings, access, parts, __version__)],
    )
    seconds = settings.api.request_timeout_seconds
    apart = Edge(make_probes(probing), request_timeout_seconds=seconds) if is_apart else None
    return Api(Edge(inner, request_timeout_seconds=seconds), close, live.service, apart)


@dataclass(frozen=True)
class ApiServices:
    """The role as services of the shell, in the order of their start."""

    web: WebService
    live: Service
    probes: WebService | None
    """Of the private port."""

    def __iter__(self) -> Iterator[Service]:
        return iter(filter(None, (self.web, self.live, self.probes)))


def build_api_services(
    settings: Settings, metrics: Metrics, also: Mapping[str, Check] | None = None
) -> ApiServices:
    """As `build_api`."""
    api = build_api(settings, metrics, also)
    web = WebService(
        api.application,
        api.close,
        host=settings.api.host,
        port=settings.api.port,
        drain_timeout_seconds=settings.lane.drain_timeout_seconds,
    )
    return ApiServices(
        web, api.live, None if api.probes is None else _private(settings, api.probes)
    )


def _private(settings: Settings, application: Edge) -> WebService:
    async def nothing_held() -> None:
        return

    assert settings.api.probes_port is not None
    return WebService(
        application,
        nothing_held,
        host=settings.api.probes_host,
        port=settings.api.probes_port,
        drain_timeout_seconds=settings.lane.drain_timeout_seconds,
        setting="FUNNEL_API__PROBES_PORT",
    )


def _parts(
    settings: Settings, database: Database, intake: Intake, live: Live | None = None
) -> dict[str, Any]:
    """What routes ask for, by the names they ask by."""

    async def ruling(tenant: str, partition: int) -> Ruling:
        return await ruling_of(database.engine, settings, partition, tenant)

    async def deciding(tenant: str) -> list[Rules]:
        return await deciding_models(database.engine, settings, tenant)

    async def latest(tenant: str) -> list[Rules]:
        return await latest_of(database.engine, settings, tenant)

    async def in_force(tenant: str) -> Rules:
        return (await ruling(tenant, 0)).at(now())

    checker = make_checker(settings, TenantTypes(deciding, time.monotonic))
    models = ModelLibrary(
        ModelFiles(settings.model, settings.models_dir),
        KeptModels(database, models_max=settings.api.models_max),
    )
    lanes = [
        LaneTopics(lane, given.kafka.group_id, INPUTS[lane])
        for lane, given in zip(INPUTS, (settings, for_accounts(settings)), strict=True)
    ]
    batch_max = settings.api.batch_max_interactions
    command_log = CommandLog(database, waits_max=settings.commands.waits_max)
    live = live or build_live(settings, database.engine, Metrics())
    commands = Commands(
        checker,
        intake,
        command_log,
        wait_max_seconds=min(
            settings.commands.wait_max_seconds, settings.api.request_timeout_seconds / 2
        ),
    )
    return {
        "database": database,
        "intake": intake,
        "partition_reading": PartitionReading(database, lanes),
        "models": models,
        "contacts": ContactReading(database, ruling, now, folds_max=settings.api.folds_max),
        "lists": Lists(database, in_force),
        "lags": LagReading(settings.kafka, database, lanes, time.time),
        "publishing": Publishing(checker, intake, batch_max=batch_max),
        "simulations": build_simulations(settings),
        "command_log": command_log,
        "commands": commands,
        "activations": Activations(
            models,
            Activating(
                database.engine,
                latest,
                intake,
                now,
                notice_seconds=settings.commands.activation_notice_seconds,
                models_max=settings.api.models_max,
            ),
            commands,
        ),
        "activation_reading": ActivationReading(Timelines(database), command_log, now),
        "streaming": live.streaming,
        "counts": live.counts,
        "subscriptions": Subscriptions(database, settings.webhooks),
    }


def make_checker(settings: Settings, types: TenantTypes) -> Checker:
    rules = load_rules(settings.model, settings.models_dir)
    decode = make_decoder(rules, settings.limits, CONTACT_LANE_INPUTS, 1, tenants=types.by_tenant)
    return Checker(decode, types, now)


def _database(settings: Settings) -> Database:
    made = engine(settings.database, application_name="funnel-api")
    return Database(made, time.monotonic)


def _access(api: ApiSettings) -> Access:
    jwts = None
    if api.jwt_issuer and api.jwt_audience and api.jwt_jwks_url:
        keys = IssuerKeys(
            fetching(api.jwt_jwks_url),
            max_age_seconds=api.jwt_keys_max_age_seconds,
            clock=time.monotonic,
        )
        jwts = JsonWebTokens(keys, Expected(api.jwt_issuer, api.jwt_audience, api.jwt_tenant_claim))
    return Access(read_tokens(api.tokens.get_secret_value()), jwts, is_open=api.access == "open")
