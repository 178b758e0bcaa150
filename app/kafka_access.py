"""How every Kafka client of the service reaches the brokers and logs on, and how it ends.

Asked anew for each client, so certificates and passwords that were changed in their files are
used from the next incarnation, or connection, on.
"""

import asyncio
import ssl
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient

from app.errors import Unavailable
from app.settings import Kafka

_WITH_TLS: Final = ("SSL", "SASL_SSL")


def kafka_access(kafka: Kafka) -> dict[str, Any]:
    """Arguments of aiokafka's clients. Raises Unavailable: a certificate can't be read just now."""
    access: dict[str, Any] = {
        "bootstrap_servers": kafka.bootstrap_servers,
        "security_protocol": kafka.security_protocol,
    }
    if kafka.security_protocol in _WITH_TLS:
        access["ssl_context"] = _context(kafka)
    if kafka.security_protocol == "SASL_SSL":
        access["sasl_mechanism"] = kafka.sasl_mechanism
        access["sasl_plain_username"] = kafka.username
        access["sasl_plain_password"] = kafka.password.get_secret_value()
    return access


def renew_access(client: AIOKafkaClient, kafka: Kafka) -> None:
    """For a client that outlives changes: its next connections log on with what the files say now,
    or as before where they can't be read. aiokafka keeps both in private attributes: tested on a
    broker."""
    if kafka.security_protocol == "PLAINTEXT":
        return
    with suppress(Unavailable):
        access = kafka_access(kafka)
        client._ssl_context = access["ssl_context"]
        client._sasl_plain_password = access.get("sasl_plain_password")


async def let_end(ending: Coroutine[Any, Any, object]) -> bool:
    """Await a client's `stop` or `close`; False: it broke off, as aiokafka's do with a broker away.

    They keep a cancellation that comes meanwhile to themselves, and whoever was to end would go on
    for ever. So they run apart: it ends the waiting here, and they are told to hurry.
    """
    task = asyncio.ensure_future(ending)
    task.add_done_callback(_retrieve)
    try:
        await asyncio.wait([task])
    finally:
        task.cancel()  # nothing, once it is done
    if task.cancelled():
        return False
    task.result()
    return True


def _retrieve(task: asyncio.Future[object]) -> None:
    """Nobody may be left to ask how it ended."""
    if not task.cancelled():
        task.exception()


async def stop_consumer(consumer: AIOKafkaConsumer) -> None:
    """Its own `stop`, to the end. Where a broker is away aiokafka cancels its waiting fetches, lets
    that out as if who stops it were cancelled, and leaves the rest open."""
    if await let_end(consumer.stop()):
        return
    fetches = list(consumer._fetcher._pending_tasks)
    for fetch in fetches:
        fetch.cancel()
    await asyncio.gather(*fetches, return_exceptions=True)
    await consumer._client.close()


def _context(kafka: Kafka) -> ssl.SSLContext:
    """Brokers must prove the name by which they are asked; there is no way to turn that off."""
    try:
        context = ssl.create_default_context(cafile=kafka.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if kafka.certificate_file is not None:
            secret = kafka.key_password.get_secret_value() or None
            context.load_cert_chain(kafka.certificate_file, kafka.key_file, secret)
    except OSError as failed:  # SSLError is one: what the file holds is no certificate
        raise Unavailable(f"a certificate for Kafka can't be read: {failed}") from failed
    return context
