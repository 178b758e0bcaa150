"""Whatever bytes come in, decoding answers, and both of its ways answer the same."""

import random
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.timestamps import format_rfc3339, parse_rfc3339
from app.handling.records import SourceRecord
from app.inbound.attributes import refuse_missing, refuse_nul, to_event
from app.inbound.envelope import read_document
from app.inbound.event import ATTRIBUTES
from app.inbound.plain import make_plain_reader
from app.settings import Limits
from tests.load.fuzz_decoding import HEADER_VALUES, HEADERS, VALUES, flaw, record
from tests.unit.inbound.events import ARRIVED_MS, COMMANDS, binary, decoder, event, structured

DECODE = decoder(3)
READ_PLAIN = make_plain_reader(Limits())

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=20,
)
events = st.dictionaries(
    st.sampled_from([*ATTRIBUTES, "data", "extension"]),
    st.sampled_from(VALUES) | documents,
    max_size=3,
).map(lambda changes: {**event(), **changes})
headers = st.lists(
    st.tuples(st.sampled_from(HEADERS), st.none() | st.sampled_from(HEADER_VALUES) | st.binary()),
    max_size=8,
)
values = (
    st.none()
    | st.binary()
    | documents.map(msgspec.json.encode)
    | events.map(msgspec.json.encode)
    | st.integers().map(lambda seed: record(random.Random(seed)).value)
)
records = st.builds(
    SourceRecord,
    topic=st.sampled_from([0, COMMANDS]),
    partition=st.integers(0, 3),
    offset=st.integers(0, 1 << 62),
    timestamp_ms=st.just(ARRIVED_MS) | st.integers(-1, 1 << 62),
    key=st.none() | st.binary(),
    value=values,
    headers=st.just([]) | headers,
)


@settings(max_examples=300, deadline=None)
@given(records)
def test_any_record_is_accepted_forwarded_or_refused_with_a_reason(made: SourceRecord) -> None:
    assert flaw(made, DECODE(made)) is None


def as_structured(whole: dict[str, Any]) -> SourceRecord:
    value = msgspec.json.encode(whole)
    content_type = [("content-type", b"application/cloudevents+json")]
    return SourceRecord(0, 0, 0, ARRIVED_MS, None, value, content_type if whole else [])


def as_binary(whole: dict[str, Any]) -> SourceRecord:
    attributes = [
        (f"ce_{name}", str(value).encode()) for name, value in whole.items() if name != "data"
    ]
    return SourceRecord(0, 0, 0, ARRIVED_MS, None, msgspec.json.encode(whole["data"]), attributes)


@settings(max_examples=300, deadline=None)
@given(records | events.map(as_structured) | events.map(as_binary))
def test_what_the_plain_way_accepts_the_thorough_way_reads_the_same(made: SourceRecord) -> None:
    plain = READ_PLAIN(made)
    if plain is not None:
        document = read_document(made, Limits(), is_from_lane=made.topic == COMMANDS)
        refuse_missing(document)
        refuse_nul(document, made)
        assert to_event(document) == plain


def test_the_plain_way_takes_what_most_producers_send() -> None:
    for made in (structured(event()), binary(event()), structured(event())._replace(headers=[])):
        assert READ_PLAIN(made) is not None


@settings(deadline=None)
@given(st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999))
def test_every_moment_is_written_and_read_again(moment: int) -> None:
    assert parse_rfc3339(format_rfc3339(moment)) == moment


@settings(deadline=None)
@given(st.text())
def test_any_text_is_a_time_or_none(text: str) -> None:
    moment = parse_rfc3339(text)
    assert moment is None or isinstance(moment, int)
