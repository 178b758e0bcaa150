"""The embedded stack: Kafka and PostgreSQL for as long as the command that needs them runs."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from app.runtime.embedded.jars import Progress, kafka_jars
from app.runtime.embedded.java import find_java
from app.runtime.embedded.kafka import EmbeddedKafka
from app.runtime.embedded.leftovers import end_leftovers
from app.runtime.embedded.lock import data_lock
from app.runtime.embedded.place import fallback
from app.runtime.embedded.postgres import EmbeddedPostgres


@dataclass(frozen=True)
class EmbeddedStack:
    kafka: EmbeddedKafka
    postgres: EmbeddedPostgres

    @property
    def bootstrap_servers(self) -> str:
        return self.kafka.bootstrap_servers

    @property
    def database_url(self) -> str:
        return self.postgres.url


@asynccontextmanager
async def embedded_stack(
    data_dir: Path,
    *,
    kafka_port: int = 0,
    postgres_port: int = 0,
    wipe: bool = False,
    progress: Progress,
    postgres_settings: Mapping[str, str] | None = None,
) -> AsyncIterator[EmbeddedStack]:
    """Both servers, ready; stopped at the end, and crashed when this process dies in between.

    The data in `data_dir` is used again unless `wipe`. Port 0 is a free one. SetupError says what
    is missing, taken or wrong.
    """
    with data_lock(data_dir) as data_dir:
        java = await asyncio.to_thread(find_java)
        jars = await kafka_jars(java, progress)
        if wipe:
            await _wipe(data_dir)
        stack = EmbeddedStack(
            EmbeddedKafka(data_dir / "kafka", java, jars, kafka_port),
            EmbeddedPostgres(data_dir / "postgres", progress, postgres_port, postgres_settings),
        )
        try:
            progress("starting Kafka and PostgreSQL")
            await _both(stack.kafka.start(), stack.postgres.start())
            progress(
                f"Kafka on {stack.bootstrap_servers}, PostgreSQL on port {stack.postgres.port}"
            )
            yield stack
        finally:
            await _both(stack.kafka.stop(), stack.postgres.stop())


async def _both(*steps: Coroutine[None, None, None]) -> None:
    """Both at once; the first error ends the other step and is raised as itself."""
    try:
        async with asyncio.TaskGroup() as group:
            for step in steps:
                group.create_task(step)
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None


async def _wipe(data_dir: Path) -> None:
    """Leftovers end first: a server must not write into what its successor makes."""
    await end_leftovers("java", data_dir / "kafka")
    for place in (data_dir / "postgres", fallback(data_dir / "postgres")):
        await end_leftovers("postgres", place / "data")
        shutil.rmtree(place, ignore_errors=True)
    shutil.rmtree(data_dir / "kafka", ignore_errors=True)
