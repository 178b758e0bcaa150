"""Kafka's jars from Maven Central, fetched once per user.

`pom.xml` beside this file pins them. The cache directory carries the hash of that file in its
name and appears by one rename, so it exists complete or not at all.
"""

import asyncio
import fcntl
import hashlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from app.errors import SetupError
from app.runtime.embedded.java import Java
from app.runtime.embedded.process import ServerProcess

KAFKA_VERSION = "4.2.1"
POM = Path(__file__).with_name("pom.xml")
WAIT_SECONDS = 0.2

Progress = Callable[[str], None]


def user_cache() -> Path:
    """Where this platform keeps what can be fetched again."""
    if chosen := os.environ.get("XDG_CACHE_HOME"):
        return Path(chosen) / "funnel"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "funnel"
    return Path.home() / ".cache" / "funnel"


async def kafka_jars(java: Java, progress: Progress, cache: Path | None = None) -> Path:
    """The directory of the jars, fetched first if need be. SetupError: no Maven, or it failed."""
    cache = cache or user_cache()
    digest = hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    jars = cache / f"kafka-{KAFKA_VERSION}-{digest}"
    if jars.is_dir():
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise SetupError(
            f"the jars of Kafka {KAFKA_VERSION} are not in {cache} yet and Maven, which fetches "
            "them, was not found: install it (Debian: apt install maven; macOS: brew install "
            "maven), or run Kafka and PostgreSQL with docker compose up instead"
        )
    cache.mkdir(parents=True, exist_ok=True)
    async with _one_at_a_time(cache / "download.lock", progress):
        if not jars.is_dir():
            await _fetch(maven, java, jars, progress)
    return jars


@asynccontextmanager
async def _one_at_a_time(lock: Path, progress: Progress) -> AsyncIterator[None]:
    with lock.open("w") as held:
        told = False
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not told:
                    progress("another command is fetching Kafka's jars: waiting for it")
                told = True
                await asyncio.sleep(WAIT_SECONDS)
        yield


async def _fetch(maven: str, java: Java, jars: Path, progress: Progress) -> None:
    """Runs under the lock, so any part directory found is what an interrupted fetch left."""
    for left in jars.parent.glob("part-*"):
        shutil.rmtree(left, ignore_errors=True)
    part = Path(tempfile.mkdtemp(prefix="part-", dir=jars.parent))
    try:
        progress(f"fetching Kafka {KAFKA_VERSION} (54 MB, once per user, up to two minutes)")
        await _run_maven(maven, java, part, progress)
        os.rename(part, jars)
        progress(f"Kafka {KAFKA_VERSION} is ready in {jars}")
    finally:
        shutil.rmtree(part, ignore_errors=True)


async def _run_maven(maven: str, java: Java, target: Path, progress: Progress) -> None:
    """Under a warden like the servers: an interrupted command leaves no Maven behind either."""
    log = target.parent / "maven.log"
    log.write_bytes(b"")
    process = await ServerProcess.spawn(
        [
            *(maven, "--batch-mode", "--strict-checksums", "-Dstyle.color=never", "--file", POM),
            *("dependency:copy-dependencies", f"-DoutputDirectory={target}"),
            "-DincludeScope=runtime",
        ],
        log,
        environment={"JAVA_HOME": str(java.home)},
    )
    try:
        with log.open(errors="replace") as lines:
            fetched = 0
            while process.is_running:
                await process.wait(WAIT_SECONDS)
                for found in re.finditer(
                    r"Downloaded from .*/([^/ ]+\.jar) \((.*)\)", lines.read()
                ):
                    fetched += 1
                    progress(f"  {fetched:3d} {found[1]} ({found[2]})")
    except asyncio.CancelledError:
        await process.crash()
        raise
    if await process.wait() != 0:
        errors = [line for line in log.read_text(errors="replace").splitlines() if "ERROR" in line]
        raise SetupError(
            "Maven could not fetch Kafka's jars; check the network and Maven's settings, then "
            "start again:\n" + "\n".join(errors[:6])
        )
