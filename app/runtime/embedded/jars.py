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
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from app.errors import SetupError
from app.runtime.embedded.java import Java

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
    process = await asyncio.create_subprocess_exec(
        maven,
        *("--batch-mode", "--strict-checksums", "-Dstyle.color=never", f"--file={POM}"),
        *("dependency:copy-dependencies", f"-DoutputDirectory={target}", "-DincludeScope=runtime"),
        env={**os.environ, "JAVA_HOME": str(java.home)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    errors: list[str] = []
    fetched = 0
    try:
        async for raw in process.stdout:
            line = raw.decode(errors="replace").rstrip()
            if "ERROR" in line:
                errors.append(line)
            if found := re.search(r"Downloaded from .*/([^/ ]+\.jar) \(([^)]*)\)", line):
                fetched += 1
                progress(f"  {fetched:3d} {found[1]} ({found[2]})")
        code = await process.wait()
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        raise
    if code != 0:
        raise SetupError(
            "Maven could not fetch Kafka's jars; check the network and Maven's settings, then "
            "start again:\n" + "\n".join(errors[:6])
        )
