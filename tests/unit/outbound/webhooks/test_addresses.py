"""Where nothing is ever sent, by each kind of address and each way to write one."""

import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from app.outbound.webhooks.addresses import (
    AddressGuard,
    AddressRefused,
    GuardedResolver,
    url_error,
)
from app.outbound.webhooks.sending import Failure, Sender
from app.settings import Webhooks

REFUSED = (
    "0.0.0.0", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.8.8.8",
    "168.63.129.16", "169.254.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255",
    "192.0.0.192", "192.88.99.1", "fec0::1", "192.0.2.1",
    "192.168.1.1", "198.18.0.1", "224.0.0.1", "239.255.255.255",
    "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%1", "fc00::1",
    "fd00:ec2::254", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::", "2002:a00:1::1", "2001:0:7f00:1::1",
)  # fmt: skip
PUBLIC = ("1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101")


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    with pytest.raises(AddressRefused):
        AddressGuard().check(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_not(address: str) -> None:
    AddressGuard().check(address)


def test_a_network_that_is_allowed_is_let_through_and_no_other() -> None:
    guard = AddressGuard(["10.0.0.0/8", "::1/128"])
    guard.check("10.1.2.3")
    guard.check("::1")
    with pytest.raises(AddressRefused):
        guard.check("192.168.1.1")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://example.org/", "https"),
        ("ftp://example.org/", "https"),
        ("example.org/hook", "https"),
        ("https:///hook", "host"),
        ("https://example.org:0/", "host"),
        ("https://example.org:99999/", "URL"),
        ("https://jo:secret@example.org/", "password"),
        ("https://jo@example.org/", "password"),
        ("https://example.org/#x", "fragment"),
        ("https://example.org/a b", "ASCII"),
        ("https://example.org/\r\nx: y", "ASCII"),
        ("https://example.org\\@127.0.0.1/", "ASCII"),
        ("https://exämple.org/", "ASCII"),
        ("https://127.0.0.1/", "public"),
        ("https://[::1]/", "public"),
        ("https://[::ffff:10.0.0.1]/", "public"),
        ("https://[", "URL"),
        (f"https://example.org/{'x' * 2048}", "2048"),
    ],
)
def test_a_url_that_can_never_do_is_told_why(url: str, says: str) -> None:
    wrong = url_error(url, AddressGuard(), allow_http=False)
    assert wrong is not None
    assert says in wrong


@pytest.mark.parametrize("url", ["https://example.org/hook?token=x", "https://1.1.1.1:8443/"])
def test_a_good_url_is_taken(url: str) -> None:
    assert url_error(url, AddressGuard(), allow_http=False) is None


class Names(AbstractResolver):
    """Answers by a list, another one each time: a name server of an attacker."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host, host=each, port=port, family=socket.AF_INET, proto=0, flags=0
            )
            for each in self.answers.pop(0)
        ]

    async def close(self) -> None:
        return


async def test_a_name_that_leads_to_one_refused_address_is_refused_as_a_whole() -> None:
    resolver = GuardedResolver(AddressGuard(), Names(["1.1.1.1", "10.0.0.1"]))
    with pytest.raises(AddressRefused):
        await resolver.resolve("example.org")


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1", "[::1]", "2130706433", "0x7f.1", "127.1", "0", "[::ffff:7f00:1]"],
)
async def test_no_way_to_write_this_machine_gets_connected_to(host: str) -> None:
    """The guard looks at what a socket would connect to, whatever the name was."""
    settings = Webhooks(allow_http=True)
    sender = Sender(settings)
    try:
        answer = await sender.send(f"http://{host}:9/", "id", b"{}", ["whsec_c2VjcmV0"])
    finally:
        await sender.close()
    assert answer.failure is Failure.ADDRESS_REFUSED


async def test_a_name_is_asked_for_once_for_each_connection() -> None:
    """Public when looked at, private when connected to: there is no second look."""
    names = Names(["1.1.1.1"], ["127.0.0.1"])
    found = await GuardedResolver(AddressGuard(), names).resolve("example.org", 443)
    assert [each["host"] for each in found] == ["1.1.1.1"]
    assert names.answers == [["127.0.0.1"]]
    with pytest.raises(AddressRefused):
        AddressGuard().make_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 443)))
