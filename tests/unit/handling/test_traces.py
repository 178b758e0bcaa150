"""Which records are an erased contact's, and what stands in their place."""

import json

import pytest
from msgspec.structs import replace

from app.handling.records import OutputRecord, SourceRecord
from app.handling.traces import Trace, is_blank, subject_of, without
from app.storage.blanking import Blobs
from app.storage.segments import pack, unpack

RECORD = SourceRecord(0, 3, 41, 1_772_442_845_000, b"crm-1", b"{}", ())
OUTPUT = OutputRecord("funnel.stage-changes.v1", 3, b"crm-1", b"{}", [("ce_subject", b"crm-1")])
NOBODY = pack([])


def source(subject: str, *, key: bytes | None = None, tenant: str | None = None) -> SourceRecord:
    event = {"subject": subject, "data": {"email": "ada@example.org"}}
    if tenant is not None:
        event["tenantid"] = tenant
    return RECORD._replace(key=key, value=json.dumps(event).encode())


def binary(subject: bytes, tenant: bytes | None = None) -> SourceRecord:
    headers = [("ce_subject", subject), *([("ce_tenantid", tenant)] if tenant else [])]
    return RECORD._replace(headers=headers)


@pytest.mark.parametrize(
    ("record", "name"),
    [
        (source("crm-1"), "crm-1"),
        (source("crm-1", tenant="acme"), "acme/crm-1"),
        (source("a/b"), "default/a/b"),
        (binary(b"crm-1"), "crm-1"),
        (binary(b"crm-1", b"acme"), "acme/crm-1"),
        (RECORD._replace(value=b'{"tenant": "default", "contact_id": "crm-1"}'), "crm-1"),
        (RECORD._replace(value=b"{"), None),
        (RECORD._replace(value=b"[1]"), None),
        (RECORD._replace(value=b'{"subject": 7}'), None),
        (RECORD._replace(value=None), None),
        (RECORD._replace(value=b"\xff"), None),
    ],
)
def test_a_record_is_about_whom_it_says(record: SourceRecord, name: str | None) -> None:
    assert subject_of(record.value, record.headers) == name


@pytest.mark.parametrize(
    ("record", "is_mine"),
    [
        (source("crm-1"), True),
        (source("crm-1", key=b"firm-7"), True),
        (source("crm-2", key=b"crm-1"), False),  # the producer's key is not the contact's
        (source("crm-1", tenant="acme"), False),
        (source("crm-11"), False),
        (binary(b"crm-1"), True),
    ],
)
def test_raw_records_of_the_contact_alone_are_blanked(record: SourceRecord, is_mine: bool) -> None:
    beside = source("crm-9")
    found = without([Trace("default", "crm-1")], Blobs(pack([beside, record, beside]), NOBODY))
    if not is_mine:
        assert found is None
        return
    assert found is not None
    first, blank, last = unpack(found.events, SourceRecord)
    assert first.value == last.value == beside.value
    assert is_blank(blank)
    assert blank[:4] == record[:4]
    assert not is_blank(first)


@pytest.mark.parametrize("contact_id", ["crm-1", "zoë", 'a"b', "back\\slash", "Ωmega/7", "\u2028"])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_it_is_found_however_its_producer_wrote_json(contact_id: str, ascii_only: bool) -> None:
    value = json.dumps({"subject": contact_id}, ensure_ascii=ascii_only).encode()
    record = RECORD._replace(key=None, value=value)
    found = without([Trace("default", contact_id)], Blobs(pack([record]), NOBODY))
    assert found is not None
    assert is_blank(unpack(found.events, SourceRecord)[0])


@pytest.mark.parametrize(
    ("output", "is_told"),
    [
        (OUTPUT, True),
        (replace(OUTPUT, value=None, headers=[]), True),
        (replace(OUTPUT, key=b"crm-2", headers=[]), False),
        # an account's, and a dead letter that came without a key
        (replace(OUTPUT, key=b"acme", value=b'{"evidence":["crm-1"]}', headers=[]), True),
        (replace(OUTPUT, key=None, value=b'{"subject": "crm-1"}', headers=[]), True),
        (replace(OUTPUT, key=b"crm-11", value=b'{"contact_id":"crm-11"}', headers=[]), False),
    ],
)
def test_published_records_that_tell_of_it_are_left_out(
    output: OutputRecord, is_told: bool
) -> None:
    beside = replace(OUTPUT, key=b"crm-9", headers=[])
    found = without([Trace("default", "crm-1")], Blobs(NOBODY, pack([beside, output])))
    assert (found is not None) == is_told
    if found is not None:
        assert unpack(found.outputs, OutputRecord) == [beside]


@pytest.mark.parametrize(
    ("letter", "is_mine"),
    [
        (source("crm-1"), True),
        (source("crm-2", key=b"crm-1"), False),
        (RECORD._replace(value=b"{"), True),
        (RECORD._replace(key=None, value=b'{"subject": "crm-1", "da'), True),
        (RECORD._replace(key=None, value=b'{"subject": "crm-11", "da'), False),
        (RECORD._replace(key=b"crm-2", value=None), False),
    ],
)
def test_dead_letters_are_its_own_as_far_as_can_be_read(
    letter: SourceRecord, is_mine: bool
) -> None:
    trace = Trace("default", "crm-1")
    assert trace.is_in_dead_letter(letter.key, letter.value, letter.headers) == is_mine


def test_several_contacts_are_blanked_in_one_reading() -> None:
    traces = [Trace("default", "crm-1"), Trace("default", "crm-3")]
    records = [source(f"crm-{n}") for n in range(5)]
    found = without(traces, Blobs(pack(records), NOBODY))
    assert found is not None
    blank = [is_blank(record) for record in unpack(found.events, SourceRecord)]
    assert blank == [False, True, False, True, False]
