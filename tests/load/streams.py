"""What many live streams cost one process: `python -m tests.load.streams [--clients N]`.

Starts the whole service on one machine (all roles in one process), opens so many streams, publishes
interactions at a rate, and prints what the process used before and with the streams, how late the
events came, and how long the process took to end with all streams open.
"""

import argparse
import asyncio
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

EVENTS: Final = ("funnel.contact.stage_changed.v1",)
READY_TIMEOUT_SECONDS: Final = 90


class Listened:
    """What one client heard: how many events, and how late they were."""

    def __init__(self, is_timed: bool) -> None:
        self.is_timed = is_timed
        self.events = 0
        self.late_ms: list[float] = []
        self.last_name = ""

    async def run(self, host: str, port: int, opened: asyncio.Semaphore) -> None:
        async with opened:
            reader, writer = await asyncio.open_connection(host, port, limit=2**20)
            writer.write(
                f"GET /v1/stream?type={EVENTS[0]} HTTP/1.1\r\nhost: {host}\r\n\r\n".encode()
            )
            await reader.readuntil(b"retry: ")
        while chunk := await reader.read(2**18):
            if b"event: end" in chunk:
                self.last_name = "end"
            self.events += chunk.count(b'data: {"specversion"')
            if self.is_timed:
                self._time(chunk)
        writer.close()

    def _time(self, chunk: bytes) -> None:
        """By whole events only; a few clients stand for all, to keep this process from being what
        is measured."""
        now = time.time()
        for line in chunk.splitlines():
            if line.startswith(b"data: {") and line.endswith(b"}"):
                decided = json.loads(line[6:]).get("time")
                if decided is not None:
                    self.late_ms.append((now - datetime.fromisoformat(decided).timestamp()) * 1e3)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--per-second", type=float, default=5.0, help="new contacts")
    parser.add_argument("--seconds", type=float, default=15.0)
    given = parser.parse_args()
    files = 2 * given.clients + 1000
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        asyncio.run(_measure(given, Path(directory)))


async def _measure(given: argparse.Namespace, directory: Path) -> None:
    environment = {
        **os.environ,
        "FUNNEL_DATA_DIR": str(directory / "funnel"),
        "FUNNEL_LIVE__STREAM_CLIENTS_MAX": str(given.clients),
    }
    dev = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli.main", "dev", "--kafka-port", "0", "--http-port", "0"),
        env=environment,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        stack = await _stack(directory / "funnel" / "dev.json")
        pid, at = stack["pids"]["funnel"], urlsplit(stack["http_url"])
        assert at.hostname is not None
        assert at.port is not None
        await _traffic(stack, given, at_least=3.0)  # warm
        before = await _used(pid, _traffic(stack, given))
        await asyncio.sleep(3)  # what is late is nobody's
        empty_mib = _rss_mib(pid)
        heard = [Listened(n % 50 == 0) for n in range(given.clients)]
        opened = asyncio.Semaphore(50)
        listening = [asyncio.create_task(each.run(at.hostname, at.port, opened)) for each in heard]
        async with asyncio.timeout(READY_TIMEOUT_SECONDS):
            while await _clients(at.hostname, at.port) < given.clients:  # noqa: ASYNC110 - elsewhere
                await asyncio.sleep(1)
        _say(f"clients open: {await _clients(at.hostname, at.port):.0f}")
        full_mib = _rss_mib(pid)
        idle = await _used(pid, asyncio.sleep(given.seconds))
        with_streams = await _used(pid, _heard_by_all(heard, _traffic(stack, given)))
        begun = time.monotonic()
        dev.terminate()
        code = await dev.wait()
        ended = time.monotonic() - begun
        await asyncio.wait(listening, timeout=5)
        _report(given, heard, before, idle, with_streams, empty_mib, full_mib)
        _say(f"SIGTERM with all open: ended in {ended:.1f} s with {code}")
        _say(f"told `end` at last: {sum(each.last_name == 'end' for each in heard)}")
    finally:
        if dev.returncode is None:
            dev.kill()
            await dev.wait()


async def _heard_by_all(heard: list[Listened], traffic: Any) -> None:
    """Until nothing more comes: on a busy machine that takes longer than the traffic."""
    await traffic
    before = -1
    while before != (now := sum(each.events for each in heard)):
        before = now
        await asyncio.sleep(3)


def _report(
    given: argparse.Namespace,
    heard: list[Listened],
    before: float,
    idle: float,
    with_streams: float,
    empty_mib: float,
    full_mib: float,
) -> None:
    late = sorted(each for of in heard for each in of.late_ms)
    counts = {each.events for each in heard}
    told = sum(each.events for each in heard)
    _say(
        f"events: {min(counts)} to {max(counts)} each, {told / given.seconds:,.0f} a second in all"
    )
    _say(f"CPU seconds: {before:.1f} without, {idle:.1f} idle with, {with_streams:.1f} with events")
    if told:
        cost_us = (with_streams - before) / told * 1e6
        _say(f"per event and client: {cost_us:.0f} µs")
        p99 = late[int(len(late) * 0.99)]
        _say(f"decided → heard: p50 {statistics.median(late):.0f} ms, p99 {p99:.0f} ms")
    each_kib = (full_mib - empty_mib) * 1024 / given.clients
    _say(f"memory: {empty_mib:.0f} → {full_mib:.0f} MiB, {each_kib:.0f} KiB a client")


async def _stack(place: Path) -> Any:
    async with asyncio.timeout(READY_TIMEOUT_SECONDS):
        while (found := _read(place)) is None:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.2)
    await asyncio.sleep(3)  # the lanes take their partitions
    return found


def _read(place: Path) -> Any:
    return json.loads(place.read_text()) if place.exists() else None


async def _traffic(stack: Any, given: argparse.Namespace, at_least: float | None = None) -> None:
    """New contacts, each an opportunity at once: three stage changes and some more."""
    from aiokafka import AIOKafkaProducer

    seconds = at_least or given.seconds
    async with AIOKafkaProducer(bootstrap_servers=stack["bootstrap_servers"]) as producer:
        begun, n = time.monotonic(), 0
        while (passed := time.monotonic() - begun) < seconds:
            if n >= passed * given.per_second:
                await asyncio.sleep(0.01)
                continue
            n += 1
            contact = f"load-{time.time_ns()}"
            event = {
                "specversion": "1.0",
                "id": contact,
                "source": "https://load.example",
                "type": "demo.requested",
                "subject": contact,
                "data": {"product_id": "analytics"},
            }
            await producer.send(
                "funnel.interactions.v1", json.dumps(event).encode(), contact.encode()
            )


async def _clients(host: str, port: int) -> float:
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"GET /metrics HTTP/1.1\r\nhost: %s\r\nconnection: close\r\n\r\n" % host.encode())
    text = (await reader.read()).decode()
    writer.close()
    (line,) = (each for each in text.splitlines() if each.startswith("funnel_stream_clients "))
    return float(line.split()[1])


async def _used(pid: int, doing: Any) -> float:
    """CPU seconds of the process meanwhile: its share of a core says little on a busy machine."""
    before = _cpu_seconds(pid)
    await doing
    return _cpu_seconds(pid) - before


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
