"""Nordlicht Analytics, which sells software to other companies, and the people who meet it."""

from random import Random
from typing import Final

import msgspec

PRODUCTS: Final = ("analytics", "reporting", "forecasting")
CAMPAIGNS: Final = ("spring", "retail-days", "data-week", "partner-mailing")
SHOWS: Final = ("retail-expo", "data-summit", "logistics-fair")
NETWORKS: Final = ("linkedin", "mastodon")
CONTENT: Final = (("benchmark-report", "report"), ("buyers-guide", "guide"), ("roi-sheet", "sheet"))

WEBSITE: Final = "https://www.nordlicht.example"
FORMS: Final = "https://www.nordlicht.example/forms"
MAIL: Final = "https://mail.nordlicht.example"
EVENTS: Final = "https://events.nordlicht.example"
CALLS: Final = "https://calls.nordlicht.example"
CRM: Final = "https://crm.nordlicht.example"
SHOP: Final = "https://shop.nordlicht.example"

_GIVEN: Final = (
    *("ada", "ben", "clara", "deniz", "elif", "finn", "greta", "hugo", "ines", "jonas"),
    *("kaya", "lena", "milan", "nora", "oskar", "paula", "quentin", "rosa", "sami", "tilda"),
)
_FAMILY: Final = (
    *("albers", "brandt", "cordes", "dorn", "eckert", "falk", "gerlach", "harms", "ivers"),
    *("jansen", "krull", "lorenz", "menzel", "nagel", "ohlsen", "petri", "rust", "sander"),
)
_TRADES: Final = ("retail", "logistics", "foods", "tools", "textiles", "energy", "print", "optics")


class Person(msgspec.Struct, frozen=True):
    """Someone the company may sell to; `key` is what the contact is called on the topics."""

    key: str
    name: str
    email: str
    company: str
    size: int


PEOPLE_PER_FIRM: Final = 5


def people(count: int, rng: Random) -> list[Person]:
    """So many people, several of one company."""
    every = [f"{family}-{trade}" for family in _FAMILY for trade in _TRADES]
    firms = rng.sample(every, min(len(every), max(2, count // PEOPLE_PER_FIRM)))
    return [_person(number, rng, rng.choice(firms)) for number in range(count)]


def _person(number: int, rng: Random, firm: str) -> Person:
    given, family = rng.choice(_GIVEN), rng.choice(_FAMILY)
    return Person(
        key=f"crm-{10_000 + number}",
        name=f"{given.title()} {family.title()}",
        email=f"{given}.{family}@{firm}.example",
        company=firm.replace("-", " ").title(),
        size=rng.choice((12, 40, 90, 250, 800, 3000)),
    )
