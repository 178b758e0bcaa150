import aiohttp
import pytest

from app.api.jwks import IssuerKeys
from app.api.problems import Problem
from tests.unit.api import signing


class Issuer:
    """Its keys now, how often it was asked, and the clock."""

    def __init__(self, *kids: str) -> None:
        self.body: bytes | Exception = signing.jwks(*kids)
        self.asked = 0
        self.now = 1000.0
        self.keys = IssuerKeys(self.fetch, max_age_seconds=300.0, clock=lambda: self.now)

    async def fetch(self) -> bytes:
        self.asked += 1
        if isinstance(self.body, Exception):
            raise self.body
        return self.body

    async def knows(self, kid: str) -> bool:
        return await self.keys.key(kid) is not None


async def test_keys_are_read_once_and_kept() -> None:
    issuer = Issuer("a", "b")
    assert await issuer.knows("a")
    assert await issuer.knows("b")
    assert issuer.asked == 1


async def test_a_new_key_is_found_without_waiting_for_the_old_ones_to_age() -> None:
    issuer = Issuer("a")
    assert await issuer.knows("a")
    issuer.body = signing.jwks("a", "new")
    issuer.now += 11
    assert await issuer.knows("new")


async def test_made_up_key_ids_do_not_make_it_ask_again_and_again() -> None:
    issuer = Issuer("a")
    for n in range(9):
        assert not await issuer.knows(f"made-up-{n}")
    assert issuer.asked == 1


async def test_a_key_that_was_withdrawn_is_forgotten_with_age() -> None:
    issuer = Issuer("a", "b")
    assert await issuer.knows("b")
    issuer.body = signing.jwks("a")
    issuer.now += 301
    assert not await issuer.knows("b")


@pytest.mark.parametrize(
    "away", [OSError(), TimeoutError(), aiohttp.ClientError(), b"no JSON", b"{}", b'{"keys": []}']
)
async def test_while_the_issuer_is_away_the_keys_stay_good_for_a_while(
    away: Exception | bytes,
) -> None:
    issuer = Issuer("a")
    assert await issuer.knows("a")
    issuer.body = away
    issuer.now += 599
    assert await issuer.knows("a")
    issuer.now += 2
    with pytest.raises(Problem) as refused:
        await issuer.keys.key("a")
    assert refused.value.details.status == 503


async def test_an_issuer_that_never_answered_is_a_503_and_no_refusal() -> None:
    issuer = Issuer()
    issuer.body = OSError()
    with pytest.raises(Problem) as refused:
        await issuer.keys.key("a")
    assert refused.value.details.status == 503
