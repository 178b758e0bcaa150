"""Deliveries that are due, to their receivers: so many at once, of each webhook and in all.

One loop claims and settles, in short transactions of their own; the attempts run beside it and
never touch PostgreSQL. What an attempt came to is kept until it is settled, whatever fails.
"""

import asyncio
import time
from collections import Counter
from typing import Final

import asyncpg
import structlog
from prometheus_client import Counter as Metric

from app.errors import Unavailable
from app.outbound.webhooks.rereading import Rereader
from app.outbound.webhooks.schedule import Schedule
from app.outbound.webhooks.sending import Answer, Failure, Sender
from app.outbound.webhooks.vault import SecretUnreadable, Vault
from app.settings import Webhooks as WebhookSettings
from app.storage import deliveries
from app.storage.deliveries import Claim, Settled

FINAL: Final = (Failure.GONE, Failure.RECORD_GONE, Failure.ERASED)
"""Trying again would not help."""

OUTCOMES: Final = {"delivered": "delivered", "pending": "failed", "dead": "dead"}
"""As the metric tells what became of an attempt, by the state it left."""

log = structlog.get_logger(__name__)


class Dispatcher:
    def __init__(
        self,
        settings: WebhookSettings,
        sender: Sender,
        vault: Vault,
        rereader: Rereader,
        counted: Metric,
    ) -> None:
        """`counted`: attempts by outcome."""
        self._settings = settings
        self._sender = sender
        self._vault = vault
        self._rereader = rereader
        self._counted = counted
        self._schedule = Schedule(
            settings.retry_seconds, settings.retry_jitter, settings.retry_after_max_seconds
        )
        self._under_way: dict[asyncio.Task[Settled], Claim] = {}
        self._ended: list[Settled] = []
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """There may be something due."""
        self._woken.set()

    async def step(self, connection: asyncpg.Connection) -> None:
        """Settle what has ended, claim what there is room for, wait a moment. Unavailable."""
        self._woken.clear()
        await self._settle(connection)
        room = self._settings.concurrency - len(self._under_way)
        if room > 0:
            for claim in await deliveries.claim(
                connection,
                room,
                per_webhook=self._settings.concurrency_per_webhook,
                busy=Counter(claim.webhook_id for claim in self._under_way.values()),
                lease_seconds=self._settings.lease_seconds,
            ):
                self._begin(claim)
        try:
            async with asyncio.timeout(self._settings.poll_seconds):
                await self._woken.wait()
        except TimeoutError:
            return

    async def drain(self, connection: asyncpg.Connection, timeout_seconds: float) -> None:
        """What is under way may end; what does not in time is given back. Unavailable."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=timeout_seconds)
        left = list(self._under_way.values())
        await self.cancel()
        await self._settle(connection)
        if left:
            await deliveries.release(connection, left)

    async def cancel(self) -> None:
        """What is under way ends now; its claims come back by themselves."""
        tasks = list(self._under_way)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, claim: Claim) -> None:
        task = asyncio.create_task(self._attempt(claim))
        self._under_way[task] = claim
        task.add_done_callback(self._end)

    def _end(self, task: "asyncio.Task[Settled]") -> None:
        del self._under_way[task]
        if not task.cancelled():
            self._ended.append(task.result())
        self._woken.set()

    async def _settle(self, connection: asyncpg.Connection) -> None:
        ended = list(self._ended)
        if not ended:
            return
        await deliveries.settle(connection, ended)
        del self._ended[: len(ended)]
        for each in ended:
            self._counted.labels(OUTCOMES[each.state]).inc()
            if each.is_gone:
                log.warning("webhook_gone", webhook=each.claim.webhook_id.hex)

    async def _attempt(self, claim: Claim) -> Settled:
        try:
            body = claim.body or await self._rereader.body(claim)
            secrets = [self._vault.open(claim.webhook_id, each) for each in claim.secrets]
        except Unavailable:
            return self._failed(claim, Answer(Failure.RECORD_GONE, None, None, 0), is_final=False)
        except SecretUnreadable as unreadable:
            log.error("webhook_secret_unreadable", reason=str(unreadable))
            return self._failed(claim, Answer(Failure.SECRET_UNREADABLE, None, None, 0))
        if isinstance(body, Failure):
            return self._failed(claim, Answer(body, None, None, 0))
        try:
            answer = await self._sender.send(claim.url, claim.event_id, body, secrets)
        except Exception as bug:  # no receiver may stop the deliveries to all others
            log.error("webhook_attempt_failed", error=type(bug).__name__)
            answer = Answer(Failure.CONNECTION, None, None, 0)
        if answer.failure is None:
            return Settled(claim, None, answer.status, answer.took_ms)
        return self._failed(claim, answer)

    def _failed(self, claim: Claim, answer: Answer, is_final: bool | None = None) -> Settled:
        """`is_final`: as the failure says where None."""
        told = self._schedule.told(answer.retry_after, time.time())
        retry = self._schedule.after(claim.attempts)
        if answer.failure in FINAL if is_final is None else is_final:
            retry = None
        elif retry is not None and told is not None:
            retry = max(retry, told)
        return Settled(
            claim,
            answer.failure,
            answer.status,
            answer.took_ms,
            retry_seconds=retry,
            pause_seconds=told,
            is_gone=answer.failure is Failure.GONE,
        )
