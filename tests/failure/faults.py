"""What goes wrong and when: a seeded plan, spread over the run."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code
from aiokafka.protocol.admin import DeleteGroupsRequest

from app.failpoints import Failpoint
from app.runtime.embedded.stack import EmbeddedStack
from tests.failure.arming import Arming
from tests.failure.fleet import Fleet
from tests.failure.group import GROUP, count_rebalances

FORGET: Final = "forget_offsets"
Injection = Callable[[], Coroutine[Any, Any, None]]
Say = Callable[[str], None]


class Planned(NamedTuple):
    after_seconds: float
    fault: str


def plan(rng: random.Random, counts: Mapping[str, int], seconds: float) -> list[Planned]:
    """Every fault as often as `counts` says, in random order, evenly spread with jitter.

    Offsets are forgotten early: finding K on the outputs again takes long when there are many.
    """
    faults = [fault for fault, count in counts.items() for _ in range(count)]
    rng.shuffle(faults)
    for _ in range(counts.get(FORGET, 0)):
        faults.remove(FORGET)
        faults.insert(len(faults) // 5, FORGET)
    step = seconds / max(1, len(faults))
    return [
        Planned(position * step + rng.uniform(0, step), fault)
        for position, fault in enumerate(faults)
    ]


class Faults:
    """Carries the plan out. Zombies sleep beside the other faults; the others take turns."""

    def __init__(
        self, stack: EmbeddedStack, fleet: Fleet, arming: Arming, rng: random.Random, say: Say
    ) -> None:
        self._arming = arming
        self._stack = stack
        self._fleet = fleet
        self._random = rng
        self._say = say
        self.tally: Counter[str] = Counter()
        self._injections: dict[str, Injection] = {
            "kill": fleet.kill,
            "zombie": fleet.make_zombie,
            "restart": fleet.restart,
            "postgres": self._crash_postgres,
            "broker": self._crash_broker,
            FORGET: self._forget_offsets,
        }

    async def run(self, planned: list[Planned]) -> None:
        started = time.monotonic()
        async with asyncio.TaskGroup() as aside:
            for after_seconds, fault in planned:
                await asyncio.sleep(max(0.0, started + after_seconds - time.monotonic()))
                self._say(fault)
                if fault == "zombie":
                    aside.create_task(self._injections[fault]())
                else:
                    await self._injections[fault]()

    async def _crash_postgres(self) -> None:
        self.tally["postgres_kills"] += 1
        await self._stack.postgres.kill()
        await asyncio.sleep(self._random.uniform(0.2, 4))
        await self._stack.postgres.start()

    async def _crash_broker(self) -> None:
        self.tally["broker_kills"] += 1
        await self._stack.kafka.kill()
        await asyncio.sleep(self._random.uniform(0.2, 4))
        await self._stack.kafka.start()

    async def _forget_offsets(self) -> None:
        """Delete the group with its offsets, while it has no member: K must be found by a scan."""
        self.tally["offsets_deleted"] += 1
        self._arming.insist(Failpoint.TAKEOVER_BEFORE_SCAN)
        await self._fleet.kill_all_while(self._delete_group)

    async def _delete_group(self) -> None:
        """Once the group has noticed that its members are dead."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self._stack.bootstrap_servers)
        await admin.start()
        try:
            async with asyncio.timeout(60):
                self.tally["rebalances"] += await count_rebalances(self._stack.bootstrap_servers)
                coordinator = await admin.find_coordinator(GROUP)
                answer = await admin._send_request(DeleteGroupsRequest([GROUP]), coordinator)
                _, error_code = answer.results[0]
                if error_code:
                    raise for_code(error_code)("the group can't be deleted")
        finally:
            await admin.close()
