"""A real Apache Kafka for one machine: one KRaft node that is broker and controller."""

import os
import shutil
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path

from app.errors import SetupError
from app.runtime.embedded.java import Java
from app.runtime.embedded.leftovers import end_leftovers
from app.runtime.embedded.ports import HOST, choose_port
from app.runtime.embedded.probe import serves_a_broker
from app.runtime.embedded.process import ServerProcess
from app.runtime.embedded.readiness import until_ready

STOP_TIMEOUT_SECONDS = 20.0
LOG_SETTINGS = Path(__file__).with_name("log4j2.properties")

START_TRIES = 3
PORT_TAKEN = "Address already in use"
FAST_COMPILER = "-XX:TieredStopAtLevel=1"
"""The other compiler takes most of a core for minutes, which the service's own work pays."""

SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "BROKER",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "8",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "message.max.bytes": str(8 * 1024 * 1024),
    "replica.fetch.max.bytes": str(8 * 1024 * 1024),
    # A killed broker is let in again when its old session has ended.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
}


class EmbeddedKafka:
    """start, stop and kill may follow each other any number of times, on one port and one data
    directory. After `start` clients can use it; `kill` is a power cut."""

    def __init__(
        self,
        directory: Path,
        java: Java,
        jars: Path,
        port: int = 0,
        heap_megabytes: int = 512,
        *,
        settings: Mapping[str, str] | None = None,
        listeners: Mapping[str, int] | None = None,
        users: Mapping[str, str] | None = None,
    ) -> None:
        """`settings` go over ours, `listeners` (name and port) stand beside ours; `users` and
        their passwords are made with the data directory, for SCRAM-SHA-512."""
        self.port = choose_port(port, "Kafka", "--kafka-port")
        self._may_move = port == 0
        """Nobody was told the port yet."""
        self.log = directory / "kafka.log"
        self._directory = directory
        self._data = directory / "data"
        self._java = java
        self._jars = jars
        self._heap = f"-Xmx{heap_megabytes}m"
        self._controller_port = self._choose_controller_port()
        self._archive = jars / f"classes-java{java.version}.jsa"
        self._new_archive = directory / "classes.jsa"
        self._settings = settings or {}
        self._listeners = listeners or {}
        self._users = users or {}
        self._process: ServerProcess | None = None

    @property
    def bootstrap_servers(self) -> str:
        return f"{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.is_running

    async def start(self) -> None:
        """Returns when topics can be made. SetupError says why it did not come up."""
        assert not self.is_running
        self._data.mkdir(parents=True, exist_ok=True)
        await end_leftovers("java", self._directory)
        for tries_left in reversed(range(START_TRIES)):
            properties = self._write_properties()
            if not (self._data / "meta.properties").exists():
                await self._format(properties)
            try:
                await self._start_once(properties)
                break
            except SetupError as failed:
                # Free when it was chosen: others choose at the same time.
                if not tries_left or PORT_TAKEN not in str(failed):
                    raise
                self._controller_port = self._choose_controller_port()
                if self._may_move:
                    self.port = choose_port(0, "Kafka", "--kafka-port")
        self._may_move = False

    def _choose_controller_port(self) -> int:
        return choose_port(0, "Kafka's controller", "--kafka-port")

    async def _start_once(self, properties: Path) -> None:
        if not self._may_move:
            choose_port(self.port, "Kafka", "--kafka-port")
        self._process = await ServerProcess.spawn(
            [
                *(self._java.binary, self._heap, "-Xms128m", "-XX:+UseSerialGC", FAST_COMPILER),
                *("-XX:+ExitOnOutOfMemoryError", *self._class_archive()),
                *(f"-Dlog4j2.configurationFile={LOG_SETTINGS}", "-cp", f"{self._jars}/*"),
                *("kafka.Kafka", properties),
            ],
            self.log,
        )
        await until_ready("Kafka", self._process, lambda: serves_a_broker(self.port))

    async def stop(self) -> None:
        """A clean shutdown; nothing when it does not run."""
        if not self.is_running:
            return
        if await self._running().stop("T", STOP_TIMEOUT_SECONDS):
            self._keep_class_archive()

    async def kill(self) -> None:
        if self.is_running:
            await self._running().crash()

    def _running(self) -> ServerProcess:
        assert self._process is not None, "start it first"
        return self._process

    def _class_archive(self) -> list[str]:
        """Parsed classes kept from the first clean stop on: starts take half the time and CPU."""
        self._new_archive.unlink(missing_ok=True)
        flag = "SharedArchiveFile" if self._archive.exists() else "ArchiveClassesAtExit"
        path = self._archive if self._archive.exists() else self._new_archive
        return [f"-XX:{flag}={path}", "-Xlog:disable", "-Xlog:all=error:stderr"]

    def _keep_class_archive(self) -> None:
        """Into the jar cache by one rename: other brokers may start or stop just now."""
        if self._new_archive.exists():
            part = self._archive.with_suffix(f".{os.getpid()}")
            shutil.copyfile(self._new_archive, part)
            part.replace(self._archive)
            self._new_archive.unlink()

    def _write_properties(self) -> Path:
        broker, controller = f"{HOST}:{self.port}", f"{HOST}:{self._controller_port}"
        more = "".join(f",{name}://{HOST}:{port}" for name, port in self._listeners.items())
        settings = {
            **SETTINGS,
            "log.dirs": str(self._data),
            "listeners": f"BROKER://{broker},CONTROLLER://{controller}{more}",
            "advertised.listeners": f"BROKER://{broker}{more}",
            "controller.quorum.voters": f"1@{controller}",
            **self._settings,
        }
        path = self._directory / "server.properties"
        path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        return path

    async def _format(self, properties: Path) -> None:
        cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        process = await ServerProcess.spawn(
            [
                *(self._java.binary, "-Xmx128m", "-XX:+UseSerialGC", FAST_COMPILER),
                *(f"-XX:SharedArchiveFile={self._archive}", "-Xlog:disable"),
                *(f"-Dlog4j2.configurationFile={LOG_SETTINGS}", "-cp", f"{self._jars}/*"),
                *("kafka.tools.StorageTool", "format", "--ignore-formatted"),
                # One word: an id may begin with a dash.
                *(f"--cluster-id={cluster_id}", "--config", properties),
                *_scram(self._users),
            ],
            self.log,
        )
        if await process.finished() != 0:
            raise SetupError(f"Kafka could not format {self._data}:\n{process.last_words()}")


def _scram(users: Mapping[str, str]) -> list[str]:
    return [
        f"--add-scram=SCRAM-SHA-512=[name={name},password={password}]"
        for name, password in users.items()
    ]
