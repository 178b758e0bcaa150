"""What a measurement reads from outside: CPU of process trees, memory, log position, progress."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import asyncpg
import psutil
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

GROUP: Final = "funnel"


class Sample(NamedTuple):
    """At one moment; figures are differences of two."""

    at: float
    cpu_seconds: Mapping[str, float]
    wal_bytes: int


class Meter:
    """Names groups of processes by their roots; a root's whole tree counts, ended ones too."""

    def __init__(self, roots: Mapping[str, Sequence[int]], admin_url: str) -> None:
        self._roots = roots
        self._admin_url = admin_url

    async def sample(self) -> Sample:
        connection = await asyncpg.connect(self._admin_url)
        try:
            wal = await connection.fetchval("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")
        finally:
            await connection.close()
        cpu = {name: sum(map(_cpu_of_tree, pids)) for name, pids in self._roots.items()}
        return Sample(time.monotonic(), cpu, int(wal))


def _cpu_of_tree(pid: int) -> float:
    seconds = 0.0
    root = psutil.Process(pid)
    for process in (root, *root.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            seconds += sum(process.cpu_times()[:4])  # user, system, and those of ended children
    return seconds


def peak_rss_mb(pid: int) -> float:
    """VmHWM: the most memory the process ever held."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return round(int(line.split()[1]) / 1024, 1)
    raise ValueError(f"process {pid} has no VmHWM")


class Progress:
    """The group's committed offsets: what is published."""

    def __init__(self, bootstrap_servers: str, topic: str, partitions: int) -> None:
        self._admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
        self._tps = [TopicPartition(topic, p) for p in range(partitions)]

    async def __aenter__(self) -> "Progress":
        await self._admin.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._admin.close()

    async def published(self) -> list[int]:
        """By partition; 0 where nothing is committed, or the broker has no coordinator yet."""
        try:
            committed = await self._admin.list_consumer_group_offsets(GROUP)
        except KafkaError as failed:
            if not failed.retriable:
                raise
            committed = {}
        return [max(0, committed[tp].offset) if tp in committed else 0 for tp in self._tps]
