"""Servers as in production, for the tests of this folder: one of each, for all of them."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.security.certificates import Authority
from tests.security.secured_kafka import SecuredKafka, secured_kafka
from tests.security.secured_postgres import SecuredPostgres, secured_postgres


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They run the same servers as those of the shared stack."""
    for item in items:
        if {"secured", "postgres"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.stack)


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="session")
def security_home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="funnel-security-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="session")
async def secured(security_home: Path, authority: Authority) -> AsyncIterator[SecuredKafka]:
    async with secured_kafka(security_home, authority) as kafka:
        await kafka.grant()
        yield kafka


@pytest.fixture(scope="session")
async def postgres(security_home: Path, authority: Authority) -> AsyncIterator[SecuredPostgres]:
    async with secured_postgres(security_home, authority) as server:
        yield server
