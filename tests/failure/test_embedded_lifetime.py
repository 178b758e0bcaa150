"""No server of the embedded stack outlives the command that started it, however that one ends."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import psutil
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from app.errors import SetupError
from app.runtime.embedded.leftovers import end_leftovers
from app.runtime.embedded.lock import data_lock
from app.runtime.embedded.process import ServerProcess
from app.runtime.embedded.readiness import until_ready
from app.runtime.embedded.stack import EmbeddedStack, embedded_stack

GONE_SECONDS = 20.0

OWNER_OF_SLEEP = """
import asyncio, sys
from pathlib import Path
from app.runtime.embedded.process import ServerProcess

async def main():
    server = await ServerProcess.spawn(["sleep", "600"], Path(sys.argv[1]))
    print("ready", flush=True)
    await server.wait()

asyncio.run(main())
"""

OWNER_OF_STACK = """
import asyncio, sys
from pathlib import Path
import asyncpg
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from app.runtime.embedded.stack import embedded_stack

async def main():
    async with embedded_stack(Path(sys.argv[1]), progress=lambda line: None) as stack:
        connection = await asyncpg.connect(stack.database_url)
        await connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        admin = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap_servers)
        await admin.start()
        await admin.create_topics([NewTopic("kept", num_partitions=3, replication_factor=1)])
        print("ready", flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


async def family_of_killed_owner(
    script: str, argument: Path, how: signal.Signals
) -> list[psutil.Process]:
    """Run `script` until it is ready, end it with `how`, give all processes it had started."""
    with started(sys.executable, "-c", script, argument) as owner:
        assert owner.stdout is not None
        assert await asyncio.to_thread(owner.stdout.readline) == b"ready\n"
        family = psutil.Process(owner.pid).children(recursive=True)
        owner.send_signal(how)
    return family


async def still_alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """What has not ended in time; one that has ended and was not reaped is no longer alive."""
    deadline = time.monotonic() + GONE_SECONDS
    while processes := [process for process in processes if is_alive(process)]:
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(0.02)
    return processes


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def says_ready(server: ServerProcess) -> None:
    while True:
        if "ready" in server.last_words():
            return
        await asyncio.sleep(0.01)


def started(*command: str | Path, cwd: Path | None = None) -> subprocess.Popen[bytes]:
    """It hears Ctrl-C, also where the tests themselves were started in the background."""
    return subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, preexec_fn=_hear_interrupts)


def _hear_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
async def test_a_server_ends_with_its_owner(tmp_path: Path, how: signal.Signals) -> None:
    family = await family_of_killed_owner(OWNER_OF_SLEEP, tmp_path / "log", how)
    assert len(family) == 2
    assert await still_alive(family) == []


@pytest.mark.skipif(sys.platform != "linux", reason="parent death signals are Linux's")
async def test_a_server_ends_with_its_warden(tmp_path: Path) -> None:
    server = await ServerProcess.spawn(["sleep", "600"], tmp_path / "log")
    process = psutil.Process(server.pid)
    warden = process.parent()
    assert warden is not None
    warden.kill()
    assert await still_alive([process]) == []
    await server.wait()


async def test_ctrl_c_on_the_terminal_does_not_reach_a_server(tmp_path: Path) -> None:
    server = await ServerProcess.spawn(["sleep", "600"], tmp_path / "log")
    family = [psutil.Process(server.pid), psutil.Process(server.pid).parent()]
    sessions = {os.getsid(process.pid) for process in family if process is not None}
    await server.crash()
    assert len(sessions) == 2
    assert os.getsid(0) not in sessions


async def test_a_crash_takes_all_processes_of_a_server(tmp_path: Path) -> None:
    server = await ServerProcess.spawn(
        ["sh", "-c", "setsid sleep 600 & echo ready; wait"], tmp_path / "log"
    )
    await says_ready(server)
    family = psutil.Process(server.pid).children(recursive=True)
    await server.crash()
    assert len(family) == 1
    assert await still_alive(family) == []


async def test_a_server_that_ignores_the_order_to_stop_is_crashed(tmp_path: Path) -> None:
    server = await ServerProcess.spawn(
        ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"], tmp_path / "log"
    )
    await says_ready(server)
    assert await server.stop("T", timeout_seconds=0.1) is False
    assert not server.is_running


async def test_a_program_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="could not start /no/such/program"):
        await ServerProcess.spawn(["/no/such/program"], tmp_path / "log")


async def test_a_server_that_ends_while_starting_gives_its_last_words(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    server = await ServerProcess.spawn(["sh", "-c", "echo disk full; exit 1"], tmp_path / "log")
    with pytest.raises(SetupError, match=r"Kafka ended while starting:\n  disk full"):
        await until_ready("Kafka", server, never)


async def test_a_leftover_is_ended_and_its_namesake_elsewhere_is_not(tmp_path: Path) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    mine.mkdir()
    other.mkdir()
    with (
        started("sleep", "600", cwd=mine) as leftover,
        started("sleep", "600", cwd=other) as namesake,
    ):
        ended = await end_leftovers("sleep", mine)
        spared = namesake.poll() is None
        namesake.kill()
    assert ended == 1
    assert leftover.returncode == -signal.SIGKILL
    assert spared


def test_a_data_directory_in_use_names_its_user(tmp_path: Path) -> None:
    with (
        data_lock(tmp_path),
        pytest.raises(SetupError, match=f"in use by process {os.getpid()}"),
        data_lock(tmp_path),
    ):
        pass


@pytest.fixture(scope="module")
async def killed(stack_directory: Path) -> tuple[Path, list[psutil.Process]]:
    """A data directory whose owner was killed, and the processes that owner had."""
    directory = stack_directory / "killed"
    return directory, await family_of_killed_owner(OWNER_OF_STACK, directory, signal.SIGKILL)


@pytest.fixture(scope="module")
async def started_again(killed: tuple[Path, object]) -> AsyncIterator[EmbeddedStack]:
    async with embedded_stack(killed[0], progress=lambda line: None) as stack:
        yield stack


@pytest.mark.stack
async def test_no_process_is_left_of_a_killed_stack(
    killed: tuple[Path, list[psutil.Process]],
) -> None:
    _, family = killed
    assert len(family) > 4  # two wardens, Java, PostgreSQL and what that starts
    assert await still_alive(family) == []


@pytest.mark.stack
async def test_the_next_start_has_the_data_of_the_killed_one(started_again: EmbeddedStack) -> None:
    assert await kept_answer(started_again) == 42
    assert "kept" in await topics(started_again)


@pytest.mark.stack
async def test_killed_servers_come_back_on_their_ports_with_their_data(
    started_again: EmbeddedStack,
) -> None:
    addresses = started_again.bootstrap_servers, started_again.database_url
    admin = AIOKafkaAdminClient(bootstrap_servers=started_again.bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic("later", num_partitions=1, replication_factor=1)])
    await admin.close()
    for server in (started_again.kafka, started_again.postgres):
        await server.kill()
        assert not server.is_running
        await server.start()
    assert (started_again.bootstrap_servers, started_again.database_url) == addresses
    assert {"kept", "later"} <= await topics(started_again)
    assert await kept_answer(started_again) == 42


async def kept_answer(stack: EmbeddedStack) -> int:
    connection = await asyncpg.connect(stack.database_url)
    try:
        answer: int = await connection.fetchval("SELECT answer FROM kept")
        return answer
    finally:
        await connection.close()


async def topics(stack: EmbeddedStack) -> set[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap_servers)
    await admin.start()
    try:
        return set(await admin.list_topics())
    finally:
        await admin.close()
