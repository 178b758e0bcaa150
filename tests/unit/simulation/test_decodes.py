"""What the simulated company sends, seen through the service's own decoder."""

from collections import Counter

from app.domain.interaction import Interaction
from app.domain.reasons import Reason
from app.errors import Poison
from app.handling.records import Forwarded
from app.simulation.journey import SECOND
from app.simulation.traffic import traffic
from tests.unit.simulation.decoded import decoded

NOW = 1_790_000_000 * SECOND
TRAFFIC = traffic(seed=11, contacts=400, now=NOW)


ALL = [decoded(delivery, NOW) for delivery in [*TRAFFIC.deliveries, *TRAFFIC.desk]]


def test_all_but_the_poison_is_sound() -> None:
    refused = [str(found) for found in ALL if isinstance(found, Poison)]
    assert len(refused) == TRAFFIC.poison, refused


def test_poison_has_every_reason_that_decoding_knows() -> None:
    found = Counter(found.reason for found in ALL if isinstance(found, Poison))
    later = {Reason.RULE_ERROR, Reason.STORAGE_REJECTED}
    assert found == Counter(reason.value for reason in Reason if reason not in later)


def test_records_of_other_partitioners_are_forwarded() -> None:
    strays = sum(isinstance(found, Forwarded) for found in ALL)
    assert 0 < strays <= TRAFFIC.off_home


def test_bots_and_imports_are_marked() -> None:
    at_home = [found for found in ALL if isinstance(found, Interaction)]
    assert any(found.automated for found in at_home)
    assert any(found.is_backfill for found in at_home)
