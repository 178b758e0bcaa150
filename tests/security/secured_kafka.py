"""A broker as in production: SASL_SSL for clients, the authorizer on, and deploy/kafka/acls.sh."""

import asyncio
import os
import secrets
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from app.runtime.embedded.jars import kafka_jars
from app.runtime.embedded.java import find_java
from app.runtime.embedded.kafka import EmbeddedKafka
from app.runtime.embedded.ports import HOST, choose_port
from app.settings import Kafka, SecretOfFile
from tests.security.certificates import Authority, Signed

ACLS: Final = Path(__file__).parents[2] / "deploy" / "kafka" / "acls.sh"
USERS: Final = (
    *("funnel-worker", "funnel-api", "funnel-webhooks", "funnel-operator"),
    *("shop", "crm", "stranger"),
)


class SecuredKafka:
    """Administrators come without a password over a listener of their own, on loopback."""

    def __init__(self, broker: EmbeddedKafka, java: str, jars: Path, port: int, home: Path) -> None:
        self.broker = broker
        self.port = port
        self.ca_file = home / "kafka-ca.crt"
        self._java = java
        self._jars = jars
        self._home = home

    @property
    def servers(self) -> str:
        return f"{HOST}:{self.port}"

    def password_file(self, user: str) -> Path:
        return self._home / f"kafka-{user}.password"

    def access(self, user: str, **others: object) -> Kafka:
        """Settings of a client of this broker."""
        return Kafka.model_validate(
            {
                "bootstrap_servers": self.servers,
                "security_protocol": "SASL_SSL",
                "ca_file": self.ca_file,
                "username": user,
                "password": SecretOfFile(self.password_file(user)),
                **others,
            }
        )

    def environment(self, user: str) -> dict[str, str]:
        """The same, as a process gets them."""
        return {
            "FUNNEL_KAFKA__BOOTSTRAP_SERVERS": self.servers,
            "FUNNEL_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
            "FUNNEL_KAFKA__CA_FILE": str(self.ca_file),
            "FUNNEL_KAFKA__USERNAME": user,
            "FUNNEL_KAFKA__PASSWORD_FILE": str(self.password_file(user)),
        }

    def tool(self, name: str) -> list[str]:
        """The command line of one of Kafka's own tools, by its class."""
        quick = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx128m")
        return [self._java, *quick, "-cp", f"{self._jars}/*", name]

    async def run_tool(self, name: str, *arguments: str) -> str:
        """What it says. AssertionError where it fails."""
        command = [*self.tool(name), "--bootstrap-server", self.broker.bootstrap_servers]
        return await asyncio.to_thread(_output, [*command, *arguments], {})

    async def grant(self) -> str:
        """Run the script; what it says."""
        given = {
            "BOOTSTRAP": self.broker.bootstrap_servers,
            "KAFKA_ACLS": " ".join(self.tool("org.apache.kafka.tools.AclCommand")),
            "PRODUCERS": "User:shop",
            "SUBSCRIBERS": "User:crm",
        }
        return await asyncio.to_thread(_output, [str(ACLS)], given)


@asynccontextmanager
async def secured_kafka(home: Path, authority: Authority) -> AsyncIterator[SecuredKafka]:
    java = await asyncio.to_thread(find_java)
    jars = await kafka_jars(java, print)
    port = choose_port(0, "Kafka", "-")
    passwords = {user: secrets.token_hex(8) for user in USERS}
    directory = home / "kafka"
    directory.mkdir()
    broker = EmbeddedKafka(
        directory,
        java,
        jars,
        settings=_properties(directory, authority.sign()),
        listeners={"CLIENTS": port},
        users=passwords,
    )
    secured = SecuredKafka(broker, str(java.binary), jars, port, home)
    secured.ca_file.write_bytes(authority.certificate)
    for user, password in passwords.items():
        secured.password_file(user).write_text(password)
    await broker.start()
    try:
        yield secured
    finally:
        await broker.stop()


def _properties(directory: Path, server: Signed) -> dict[str, str]:
    both = directory / "server.pem"
    both.write_bytes(server.key + server.certificate)
    return {
        "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT,CLIENTS:SASL_SSL",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.clients.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(both),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        "super.users": "User:ANONYMOUS",
    }


def _output(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, f"{command[-3:]}: {done.stdout}\n{done.stderr}"
    return done.stdout
