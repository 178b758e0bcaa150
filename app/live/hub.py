"""Who listens, and how far the stream is. Everything here happens on one loop, without waiting."""

import asyncio
from collections.abc import Callable
from typing import Final

from prometheus_client import Gauge

from app.live import frames
from app.live.client import Client, Wanted
from app.live.frames import Control, Reason
from app.live.position import Position
from app.live.rounds import HeardBatch, Round


class Hub:
    """Hands each event to the clients that want it, and ends them where they can't go on."""

    def __init__(
        self,
        clients: Gauge,
        dropped: Callable[[Reason], None],
        *,
        clients_max: int,
        queue_max_events: int,
    ) -> None:
        """`clients` shows how many there are; `dropped` is told of each that is ended."""
        self.began = asyncio.Event()
        """Once set, `position` is known."""
        self._position: Position | None = None
        self._clients: dict[str, dict[Client, None]] = {}
        self._n = 0
        self._gauge: Final = clients
        self._dropped = dropped
        self._clients_max = clients_max
        self._queue_max_events = queue_max_events
        self._is_closed = False

    @property
    def position(self) -> Position:
        assert self._position is not None, "it began"
        return self._position

    def begin(self, position: Position) -> None:
        """Tell what comes after `position`. Whoever listened goes on from where it was."""
        if self._position is not None:
            self.end_all(Reason.RESTARTED)
        self._position = position.copy()
        for client in self._everyone():
            client.begins_at = position
        self.began.set()

    def pause(self, reason: Reason) -> None:
        """What happens can't be heard: who listens is told so, who comes waits until it begins."""
        if self._position is None:
            return
        self._position = None
        self.began.clear()
        self.end_all(reason)

    def deliver(self, batches: Round) -> None:
        """Each batch once. Where this fails, all are ended: what they missed they ask for again."""
        if self._position is None:
            return  # heard before a pause: who missed it asks for it again
        try:
            for batch in batches:
                self._tell(batch)
        except Exception:
            for batch in batches:
                self.position.advance(batch.topic, batch.partition, batch.batch_seq)
            self.end_all(Reason.RESTARTED)
            raise

    def join(self, wanted: Wanted) -> Client | None:
        """None: there are as many as may be."""
        if self._n >= self._clients_max:
            return None
        client = Client(wanted, queue_max_events=self._queue_max_events)
        self._clients.setdefault(wanted.tenant, {})[client] = None
        self._count(1)
        if self._position is not None:
            client.begins_at = self._position.copy()
        if self._is_closed:
            client.end(Control.END, Reason.STOPPING)
        return client

    def leave(self, client: Client) -> None:
        of_tenant = self._clients.get(client.wanted.tenant, {})
        if client in of_tenant:
            del of_tenant[client]
            self._count(-1)
            if not of_tenant:
                del self._clients[client.wanted.tenant]

    def end_all(self, reason: Reason) -> None:
        for client in self._everyone():
            client.end(Control.END, reason)
            self.leave(client)
            self._dropped(reason)

    def close(self) -> None:
        """For good: who listens is told to go elsewhere, who comes as well."""
        self._is_closed = True
        self.began.set()
        self.end_all(Reason.STOPPING)

    def _tell(self, batch: HeardBatch) -> None:
        """All but the last event of a batch stand at the position before it."""
        position = self.position
        if batch.batch_seq <= position.at(batch.topic, batch.partition):
            return
        before = position.text
        position.advance(batch.topic, batch.partition, batch.batch_seq)
        last = len(batch.events) - 1
        for index, event in enumerate(batch.events):
            clients = [
                each for each in self._clients.get(event.tenant, ()) if each.wanted.has(event)
            ]
            if not clients:
                continue
            frame = frames.event(position.text if index == last else before, event)
            for client in clients:
                if not client.put(frame):
                    self.leave(client)
                    self._dropped(Reason.TOO_SLOW)

    def _everyone(self) -> list[Client]:
        return [each for of_tenant in self._clients.values() for each in of_tenant]

    def _count(self, change: int) -> None:
        self._n += change
        self._gauge.set(self._n)
