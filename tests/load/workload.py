"""The interactions of a measurement: the same for the same seed, in the order they are produced.

Contacts come up at random; each goes through the steps of its journey in order, so that the mix
gives half a transition an interaction. A few per cent carry an earlier time than they should (they
arrive late), one per cent is sent twice.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

from app.domain.routing import home_partition

LATE: Final = 0.03
TWICE: Final = 0.01
LATEST_DAYS: Final = 2.0

FORMS, SITE, MAIL, CRM, CALLS = (
    "https://shop.example/forms",
    "https://www.example.com",
    "https://mail.example/campaigns",
    "https://crm.example/api/v2",
    "urn:example:telephony",
)

Step = tuple[str, str, str]
"""(type, source, data)"""


def _fact(criterion: str, value: str) -> Step:
    data = f'{{"criterion":"{criterion}","value":"{value}","actor":"rep-7","confidence":0.8}}'
    return "qualification.recorded", CRM, data


SIGNS_UP: Final = (
    "newsletter.signed_up",
    FORMS,
    '{"email":"someone@firm.example","list_id":"insights","consent":true}',
)
VISITS: Final = (
    "website.visited",
    SITE,
    '{"page_url":"https://www.example.com/blog","session_id":"8f31c2d4a9","page_kind":"blog"}',
)
LOOKS_AT_PRODUCT: Final = (
    "website.visited",
    SITE,
    '{"page_url":"https://www.example.com/product","session_id":"77ab01","page_kind":"product"}',
)
DOWNLOADS: Final = (
    "content.downloaded",
    SITE,
    '{"content_id":"state-of-sales","content_type":"report"}',
)
ATTENDS: Final = ("webinar.attended", SITE, '{"webinar_id":"measure-what-sells","minutes":42}')
OPENS: Final = ("email.opened", MAIL, '{"message_id":"m-51b2c3d4"}')
CLICKS: Final = (
    "email.link_clicked",
    MAIL,
    '{"message_id":"m-51b2c3d4","url":"https://www.example.com/guide"}',
)
REPLIES: Final = ("email.replied", MAIL, '{"message_id":"m-51b2c3d4","is_auto_reply":false}')
TALKS: Final = (
    "tradeshow.contact_made",
    CRM,
    '{"show_id":"expo-2026","rep_id":"rep-7","conversation":true}',
)
IS_CALLED: Final = (
    "phone.call_held",
    CALLS,
    '{"direction":"inbound","duration_s":340,"outcome":"connected"}',
)
WANTS_DEMO: Final = ("demo.requested", FORMS, '{"product_id":"analytics"}')
WANTS_PRICES: Final = ("pricing.requested", FORMS, '{"product_id":"analytics"}')
MEETS: Final = ("meeting.held", CRM, '{"with":"rep-7","product_id":"analytics"}')
GETS_QUOTE: Final = (
    "quote.sent",
    CRM,
    '{"quote_id":"q-81","amount":12000,"currency":"EUR","valid_until":"2031-01-31"}',
)
BUYS: Final = ("deal.won", CRM, '{"deal_id":"d-17","amount":11500,"currency":"EUR"}')
DECLINES: Final = ("deal.lost", CRM, '{"deal_id":"d-17","reason":"competitor"}')
WRONG_SECTOR: Final = _fact("industry", "not_met")
RIGHT_SECTOR: Final = _fact("industry", "met")

JOURNEYS: Final[tuple[tuple[float, tuple[Step, ...]], ...]] = (
    (0.20, (SIGNS_UP, REPLIES, WANTS_DEMO, GETS_QUOTE, BUYS)),
    (0.15, (DOWNLOADS, IS_CALLED, WANTS_PRICES, MEETS, BUYS)),
    (0.20, (TALKS, _fact("need", "met"), WANTS_DEMO, GETS_QUOTE, DECLINES)),
    (0.20, (VISITS, TALKS, WANTS_PRICES, WRONG_SECTOR, RIGHT_SECTOR, BUYS)),
    (0.15, (SIGNS_UP, REPLIES, WRONG_SECTOR, RIGHT_SECTOR, WANTS_DEMO, DECLINES)),
    (0.10, (VISITS,)),
)
"""Four transitions each, then eight, seven, and one or two."""

BETWEEN: Final = (
    *(VISITS, VISITS, LOOKS_AT_PRODUCT, DOWNLOADS, OPENS, OPENS, CLICKS, ATTENDS),
    _fact("budget", "met"),
    _fact("authority", "influencer"),
)


class Sending(NamedTuple):
    partition: int
    key: bytes
    value: bytes
    id: str


class Workload:
    """`interactions` records of about `contacts` contacts, all arriving within `span_seconds` up
    to `until` (Unix seconds)."""

    def __init__(
        self,
        *,
        interactions: int,
        contacts: int,
        seed: int,
        partitions: int,
        until: float,
        span_seconds: float,
        prefix: str = "crm",
    ) -> None:
        self._interactions = interactions
        self._partitions = partitions
        self._start = until - span_seconds
        self._tick = span_seconds / interactions
        self._random = random.Random(seed)
        self._prefix = prefix
        self._journeys = self._draw(contacts)

    def sendings(self) -> Iterator[Sending]:
        """For one use."""
        order = [contact for contact, steps in enumerate(self._journeys) for _ in steps]
        self._random.shuffle(order)
        chance = self._random.random
        seen: list[Sending] = []
        n = 0
        while n < self._interactions:
            if seen and chance() < TWICE:
                yield seen[int(chance() * len(seen))]
            else:
                contact = order.pop()
                sending = self.at(contact, self._start + n * self._tick)
                seen.append(sending)
                if len(seen) > 500:
                    del seen[:250]
                yield sending
            n += 1

    def at(self, contact: int, moment: float) -> Sending:
        """The next step of a contact, at `moment` or a few days before."""
        chance = self._random.random
        if chance() < LATE:
            moment -= chance() * LATEST_DAYS * 86_400
        type_, source, data = self._journeys[contact].pop()
        subject = f"{self._prefix}-{100_000 + contact}"
        digits = f"{self._random.getrandbits(128):032x}"
        id_ = f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
        time = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:23]
        value = (
            f'{{"specversion":"1.0","id":"{id_}","source":"{source}","type":"{type_}",'
            f'"subject":"{subject}","time":"{time}Z","data":{data}}}'
        )
        partition = home_partition(subject, self._partitions)
        return Sending(partition, subject.encode(), value.encode(), id_)

    def _draw(self, contacts: int) -> list[list[Step]]:
        """Each contact's steps, last first: its journey, and small things in between."""
        choose = self._random.choice
        kinds = self._random.choices(
            [steps for _, steps in JOURNEYS], [share for share, _ in JOURNEYS], k=contacts
        )
        mean = self._interactions / contacts
        journeys = []
        due = 0.0
        for steps in kinds:
            due += mean
            length = max(len(steps), round(due))
            due -= length
            main = iter(steps)
            places = {0, *self._random.sample(range(1, length), len(steps) - 1)}
            journey = [next(main) if n in places else choose(BETWEEN) for n in range(length)]
            journeys.append(journey[::-1])
        return journeys
