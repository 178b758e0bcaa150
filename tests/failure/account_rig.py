"""The rig's account lane: words of contacts in, what became of their accounts out."""

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec

from app.bootstrap import ACCOUNT_OUTPUTS
from app.domain.account import AccountInput
from app.domain.routing import home_partition, routing_key
from app.domain.topics import ACCOUNT_LANE, ACCOUNT_LANE_INPUTS, Topic
from app.handling.account_decider import account_decider
from app.handling.library import Library
from app.handling.parts import Deciding, Lent, Parts
from app.handling.records import Decoder
from app.inbound.account_inputs import make_account_decoder
from app.outbound.account_encoding import make_account_encoder
from app.outbound.encoding import CloudEventEncoder
from tests.failure.rig import Rig
from tests.failure.rig_reading import header, read
from tests.unit.domain.accounts import Account, word

STAGES: Final = ("lead", "prospect", "opportunity", "recycled")


class Move(NamedTuple):
    """A change of an account's stage, as published and as stored."""

    seq: int
    transition_id: str
    to_stage: str


class AccountRig(Rig):
    lane_name = ACCOUNT_LANE
    topics_in = ACCOUNT_LANE_INPUTS
    topics_out = ACCOUNT_OUTPUTS

    def decider(self, decode: Decoder, library: Library) -> Callable[[Parts, Lent], Deciding]:
        group = self.kafka["group_id"]
        return account_decider(
            make_account_decoder(self.settings.limits, self.partitions),
            make_account_encoder(group, ACCOUNT_LANE_INPUTS, self.partitions),
            library,
        )

    async def tell(self, *told: AccountInput) -> None:
        """As a contact lane does."""
        encoder = CloudEventEncoder("", (), self.partitions)
        for each in told:
            record = encoder.account_input(each)
            await self.send_raw(
                record.value or b"", record.partition, topic=Topic.ACCOUNT_INPUTS, key=record.key
            )
        await self.flush()

    def account_on(self, partition: int) -> str:
        names = (f"firm{n}.example" for n in range(10_000))
        return next(
            name
            for name in names
            if home_partition(routing_key("default", name), self.partitions) == partition
        )

    async def proven(self, told: Sequence[AccountInput]) -> int:
        """Every word had its effects once, in PostgreSQL and on the topic; how many moves."""
        expected = _expected(told)
        published: dict[str, list[Move]] = defaultdict(list)
        ids = []
        for record in await read(self, [self.name(Topic.ACCOUNTS)]):
            data = msgspec.json.decode(record.value)
            ids.append(header(record, "ce_id"))
            published[record.key.decode()].append(
                Move(data["seq"], data["transition_id"], data["to_stage"])
            )
        assert published == expected
        assert len(set(ids)) == len(ids)
        stored: dict[str, list[Move]] = defaultdict(list)
        for row in await self.database.fetch("SELECT * FROM account_change ORDER BY seq"):
            stored[row["account_id"]].append(
                Move(row["seq"], row["transition_id"].hex, row["to_stage"])
            )
        assert stored == expected
        latest = {(each.account_id, each.contact_id): each.member for each in told}
        members = await self.database.fetch("SELECT * FROM account_member")
        assert {(m["account_id"], m["contact_id"]): m["contact_version"] for m in members} == {
            key: member.contact_version for key, member in latest.items()
        }
        return sum(map(len, expected.values()))


def _expected(told: Sequence[AccountInput]) -> dict[str, list[Move]]:
    """By the fold alone."""
    accounts: dict[str, Account] = defaultdict(Account)
    for each in told:
        accounts[each.account_id].hear(each)
    return {
        name: [Move(change.seq, change.transition_id, change.to_stage) for change in one.changes]
        for name, one in accounts.items()
    }


def words(
    rng: random.Random, accounts: Sequence[str], count: int, first: int
) -> list[AccountInput]:
    """What contacts of these accounts say, versions growing."""
    return [
        msgspec.structs.replace(
            word(
                rng.choice(("ann", "bob", "cyd")),
                first + n,
                stage=rng.choice(STAGES),
                is_decision_maker=rng.random() < 0.5,
            ),
            account_id=rng.choice(accounts),
        )
        for n in range(count)
    ]
