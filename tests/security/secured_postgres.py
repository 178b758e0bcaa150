"""A PostgreSQL as in production: TLS, and the roles of deploy/postgres/roles.sql.

The embedded one of `funnel dev` is built without TLS; this one comes from Maven Central, fetched
once per user, as Kafka's jars are.
"""

import os
import platform
import secrets
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg
import pytest

from app.runtime.embedded import place
from app.runtime.embedded.account import server_account
from app.runtime.embedded.jars import user_cache
from app.runtime.embedded.postgres import EmbeddedPostgres
from app.settings import Database, SecretOfFile
from app.storage.migrate import migrate
from tests.security.certificates import Authority

VERSION: Final = "18.1.0"
PLATFORMS: Final = {
    ("Linux", "x86_64"): "linux-amd64",
    ("Linux", "aarch64"): "linux-arm64v8",
    ("Darwin", "x86_64"): "darwin-amd64",
    ("Darwin", "arm64"): "darwin-arm64v8",
}
ROLES: Final = Path(__file__).parents[2] / "deploy" / "postgres" / "roles.sql"
LOGINS: Final = ("funnel_owner", "funnel_worker", "funnel_api", "funnel_webhooks")
DATABASE: Final = "secured"


class SecuredPostgres:
    def __init__(self, server: EmbeddedPostgres, home: Path) -> None:
        self.server = server
        self.ca_file = home / "postgres-ca.crt"
        self._home = home

    def password_file(self, role: str) -> Path:
        return self._home / f"postgres-{role}.password"

    def url(self, role: str, host: str = "127.0.0.1") -> str:
        return f"postgresql://{role}@{host}:{self.server.port}/{DATABASE}"

    @property
    def admin_url(self) -> str:
        """As superuser."""
        return urlsplit(self.server.admin_url)._replace(path=f"/{DATABASE}").geturl()

    def access(self, role: str, **others: object) -> Database:
        """Settings of a client of this server."""
        return Database.model_validate(
            {
                "url": self.url(role),
                "password": SecretOfFile(self.password_file(role)),
                "sslmode": "verify-full",
                "ca_file": self.ca_file,
                **others,
            }
        )

    def environment(self, role: str) -> dict[str, str]:
        """The same, as a process gets them."""
        return {
            "FUNNEL_DATABASE__URL": self.url(role),
            "FUNNEL_DATABASE__PASSWORD_FILE": str(self.password_file(role)),
            "FUNNEL_DATABASE__SSLMODE": "verify-full",
            "FUNNEL_DATABASE__CA_FILE": str(self.ca_file),
        }

    async def run(self, statement: str) -> None:
        """As superuser."""
        connection = await asyncpg.connect(self.admin_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def change_password(self, role: str) -> None:
        """In the server and in the file, as who looks after secrets does."""
        secret = secrets.token_hex(8)
        await self.run(f"ALTER ROLE {role} PASSWORD '{secret}'")
        self.password_file(role).write_text(secret)


@asynccontextmanager
async def secured_postgres(home: Path, authority: Authority) -> AsyncIterator[SecuredPostgres]:
    install = binaries()
    certificate, key = authority.sign().write(home, "postgres")
    if (account := server_account()) is not None:
        os.chown(key, *account)
    settings = {"ssl": "on", "ssl_cert_file": str(certificate), "ssl_key_file": str(key)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, "wheel_install", lambda: install)
        server = EmbeddedPostgres(home / "postgres", print, 0, settings)
    secured = SecuredPostgres(server, home)
    secured.ca_file.write_bytes(authority.certificate)
    try:
        await server.start()
        connection = await asyncpg.connect(server.admin_url)
        await connection.execute(f"CREATE DATABASE {DATABASE}")
        await connection.close()
        await secured.run(ROLES.read_text())
        for role in LOGINS:
            await secured.change_password(role)
        await migrate(secured.access("funnel_owner"))
        yield secured
    finally:
        await server.stop()


def binaries() -> Path:
    """Where PostgreSQL with TLS is installed; skips the test where it can't be had."""
    built_for = PLATFORMS.get((platform.system(), platform.machine()))
    maven = shutil.which("mvn")
    target = user_cache() / f"postgres-tls-{VERSION}"
    if not target.is_dir():
        if built_for is None or maven is None:
            pytest.skip("a PostgreSQL with TLS needs Maven, on Linux or macOS")
        _fetch(maven, f"embedded-postgres-binaries-{built_for}", target)
    place_ = Path("/tmp") / target.name
    if not place_.is_dir():
        part = place_.with_suffix(f".{os.getpid()}")
        shutil.copytree(target, part, symlinks=True)
        part.chmod(0o755)
        part.rename(place_)
    return place_


def _fetch(maven: str, artifact: str, target: Path) -> None:
    part = target.with_suffix(f".{os.getpid()}")
    coordinates = f"io.zonky.test.postgres:{artifact}:{VERSION}"
    command = [maven, "-q", "-B", "dependency:copy", f"-Dartifact={coordinates}"]
    done = subprocess.run(
        [*command, f"-DoutputDirectory={part}"], capture_output=True, text=True, timeout=180
    )
    if done.returncode != 0:
        pytest.skip(f"Maven could not fetch {coordinates}: {done.stdout[-300:]}")
    (jar,) = part.glob("*.jar")
    with zipfile.ZipFile(jar) as packed:
        (archive,) = (name for name in packed.namelist() if name.endswith(".txz"))
        with packed.open(archive) as stream, tarfile.open(fileobj=stream, mode="r:xz") as tar:
            tar.extractall(part / "install", filter="data")
    (part / "install").rename(target)
    shutil.rmtree(part)
