"""The live view of the role `api`, put together: plain constructor calls."""

import time
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from app.bootstrap import ACCOUNT_OUTPUTS, INPUTS, OUTPUTS, for_accounts
from app.domain.topics import ACCOUNT_LANE, CONTACT_LANE
from app.live.counts import Counts
from app.live.frames import Reason
from app.live.hub import Hub
from app.live.reader import Reader, reading
from app.live.replay import Replay
from app.live.service import LiveService
from app.live.streaming import Streaming
from app.live.warming import Warming
from app.outbound.coordinator import BrokerCoordinator
from app.settings import Settings
from app.telemetry.metrics import Metrics


class Live(NamedTuple):
    streaming: Streaming
    counts: Counts
    service: LiveService


def build_live(settings: Settings, engine: AsyncEngine, metrics: Metrics) -> Live:
    """Nothing is read before the service runs."""
    live, kafka = settings.live, settings.kafka

    def ended(reason: Reason) -> None:
        metrics.stream_ends.labels(reason.value).inc()

    def failed(part: str) -> None:
        metrics.live_failures.labels(part).inc()

    def from_topics() -> AbstractAsyncContextManager[Reader]:
        accounts = for_accounts(settings).kafka
        lanes = {
            CONTACT_LANE: BrokerCoordinator(kafka, INPUTS[CONTACT_LANE], OUTPUTS),
            ACCOUNT_LANE: BrokerCoordinator(accounts, INPUTS[ACCOUNT_LANE], ACCOUNT_OUTPUTS),
        }
        return reading(kafka, lanes)

    hub = Hub(
        metrics.stream_clients,
        ended,
        clients_max=live.stream_clients_max,
        queue_max_events=live.stream_queue_max_events,
    )
    replay = Replay(engine, batches_max=live.resume_max_batches, at_once=live.resumes_max)
    counts = Counts(time.time, tenants_max=live.tenants_max)
    warming = Warming(engine, time.time, timeout_seconds=live.warm_timeout_seconds)
    service = LiveService(hub, counts, warming, from_topics, failed)
    return Live(Streaming(hub, replay, live, ended), counts, service)
