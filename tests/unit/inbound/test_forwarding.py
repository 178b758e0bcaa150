"""Records that are not on their home partition, and those that came from elsewhere."""

import pytest

from app.domain.interaction import Interaction
from app.domain.routing import home_partition
from app.domain.topics import Topic
from app.errors import Poison
from app.handling.dead_letters import CUT, HEADERS_MAX_BYTES, VALUE_MAX_BYTES, as_dead_letter
from app.handling.origin import Origin, origin_of, restore
from app.handling.records import Forwarded, OutputRecord, SourceRecord
from tests.unit.inbound.events import ARRIVED_MS, COMMANDS, decoder, event, raw, structured

N = 12
HOME = home_partition("crm-10231", N)
ELSEWHERE = (HOME + 1) % N
STRANGE = [("funnel-forwarded", b"funnel.commands.v1:0:0:0"), ("note", None)]


def forwarded(record: SourceRecord) -> OutputRecord:
    decoded = decoder(N)(record)
    assert isinstance(decoded, Forwarded), decoded
    assert decoded.source == "https://shop.example/forms"
    return decoded.output


def as_read(output: OutputRecord) -> SourceRecord:
    """How the home partition's owner reads a forwarded record, a minute later."""
    assert output.topic == Topic.COMMANDS
    headers = [*output.headers, ("funnel-batch", b"contacts/3/9")]
    return SourceRecord(
        COMMANDS, output.partition, 99, ARRIVED_MS + 60_000, output.key, output.value, headers
    )


def off_home(key: bytes | None = b"another key") -> SourceRecord:
    record = structured(event(), partition=ELSEWHERE, key=key)
    return record._replace(headers=[*record.headers, *STRANGE])


def test_a_record_on_its_home_partition_stays() -> None:
    assert isinstance(decoder(N)(structured(event(), partition=HOME)), Interaction)


def test_a_record_off_home_goes_to_the_commands_topic_at_home() -> None:
    output = forwarded(off_home())
    assert (output.topic, output.partition) == (Topic.COMMANDS, HOME)
    assert output.key == b"crm-10231"


def test_value_and_headers_are_forwarded_verbatim() -> None:
    record = off_home()
    output = forwarded(record)
    assert output.value == record.value
    assert output.headers[: len(record.headers)] == list(record.headers)
    assert output.headers[-1] == (
        "funnel-forwarded",
        f"funnel.interactions.v1:{ELSEWHERE}:7:{ARRIVED_MS}".encode(),
    )


def test_the_home_partition_of_another_tenant_is_that_of_its_routing_key() -> None:
    record = structured(event(tenantid="acme"), partition=12)
    output = forwarded(record)
    assert output.key == b"acme/crm-10231"
    assert output.partition == home_partition("acme/crm-10231", N)


def test_a_partition_beyond_n_is_nobodys_home() -> None:
    assert forwarded(structured(event(), partition=N + HOME)).partition == HOME


def test_a_forwarded_record_has_the_originals_times() -> None:
    decoded = decoder(N)(as_read(forwarded(off_home())))
    direct = decoder(1)(off_home()._replace(partition=0))
    assert decoded == direct


@pytest.mark.parametrize("partition", range(N))
def test_a_forwarded_record_is_never_forwarded_again(partition: int) -> None:
    record = as_read(forwarded(off_home()))._replace(partition=partition)
    decoded = decoder(N)(record)
    if partition == HOME:
        assert isinstance(decoded, Interaction)
    else:
        # No lane forwards to another partition, and a contact must have one writer.
        assert isinstance(decoded, Poison)
        assert decoded.reason == "not_allowed_here"


def test_a_strangers_forwarding_header_means_nothing() -> None:
    record = structured(event(time=None), partition=HOME)
    record = record._replace(headers=[*record.headers, ("funnel-forwarded", b"a:1:2:1")])
    decoded = decoder(N)(record)
    assert isinstance(decoded, Interaction)
    assert decoded.time == ARRIVED_MS * 1000


def test_a_strangers_forwarding_header_does_not_open_the_commands() -> None:
    whole = event(type="stage.override", data={"to_stage": "x", "reason": "x", "actor": "x"})
    record = structured(whole, partition=ELSEWHERE)
    record = record._replace(headers=[*record.headers, *STRANGE])
    decoded = decoder(N)(record)
    assert isinstance(decoded, Poison)
    assert decoded.reason == "not_allowed_here"


def test_headers_at_their_limit_are_still_accepted_after_forwarding() -> None:
    record = off_home(b"k" * 8192)._replace(headers=[("note", b"x" * 8187)] * 7)
    assert isinstance(decoder(N)(as_read(forwarded(record))), Interaction)


def test_a_command_off_home_is_forwarded_and_then_allowed() -> None:
    whole = event(type="stage.override", data={"to_stage": "x", "reason": "x", "actor": "x"})
    record = structured(whole, partition=ELSEWHERE, topic=COMMANDS)
    assert isinstance(decoder(N)(as_read(forwarded(record))), Interaction)


def test_what_is_wrong_is_found_before_it_is_forwarded() -> None:
    decoded = decoder(N)(structured(event(data={}), partition=ELSEWHERE))
    assert isinstance(decoded, Poison)


@pytest.mark.parametrize("key", [b"another key", b"", None])
def test_restoring_undoes_forwarding(key: bytes | None) -> None:
    record = off_home(key)
    origin, original = restore(as_read(forwarded(record)), Topic.COMMANDS)
    assert origin == Origin(Topic.INTERACTIONS, ELSEWHERE, 7, ARRIVED_MS)
    assert (original.key, original.value, original.timestamp_ms) == (
        key,
        record.value,
        ARRIVED_MS,
    )
    assert original.headers == list(record.headers)


def test_a_record_that_was_not_forwarded_is_its_own_origin() -> None:
    record = off_home()
    assert origin_of(record, Topic.INTERACTIONS) is None
    assert restore(record, Topic.INTERACTIONS) == (
        Origin(Topic.INTERACTIONS, ELSEWHERE, 7, ARRIVED_MS),
        record,
    )


def test_a_header_no_lane_wrote_leaves_the_record_as_it_is() -> None:
    record = raw(b"{}", [("funnel-forwarded", b"no coordinates")], topic=COMMANDS)
    assert restore(record, Topic.COMMANDS)[1] is record


def test_a_dead_letter_too_large_to_publish_is_cut_and_says_so() -> None:
    record = raw(b"x" * (VALUE_MAX_BYTES + 1), [("note", b"y")])
    _, kept = as_dead_letter(record, Topic.INTERACTIONS)
    assert kept.value == b"x" * VALUE_MAX_BYTES
    assert kept.headers == [
        ("note", b"y"),
        (CUT, b"value: the first 600000 of 600001 bytes"),
    ]


def test_headers_too_large_to_publish_are_dropped_and_that_is_said() -> None:
    record = raw(b"x", [("note", b"y" * HEADERS_MAX_BYTES)])
    _, kept = as_dead_letter(record, Topic.INTERACTIONS)
    assert (kept.key, kept.value) == (None, b"x")
    assert [name for name, _ in kept.headers] == [CUT]
