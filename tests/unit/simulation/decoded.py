"""What the simulated company sends, through the service's own decoder."""

from app.domain.interaction import Microseconds
from app.domain.topics import CONTACT_LANE_INPUTS
from app.handling.records import Decoded, SourceRecord
from app.inbound.decoding import make_decoder
from app.models import load_rules
from app.settings import Limits
from app.simulation.deliveries import Delivery

PARTITIONS = 12
DECODE = make_decoder(load_rules("b2b-default@1"), Limits(), CONTACT_LANE_INPUTS, PARTITIONS)


def decoded(delivery: Delivery, now: Microseconds) -> Decoded:
    """As it arrives `now`."""
    return DECODE(
        SourceRecord(
            topic=[str(topic) for topic in CONTACT_LANE_INPUTS].index(delivery.topic),
            partition=delivery.partition(PARTITIONS),
            offset=0,
            timestamp_ms=now // 1000,
            key=delivery.key,
            value=delivery.value,
            headers=delivery.headers,
        )
    )
