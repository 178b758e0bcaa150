"""Raw record of funnel.account-inputs.v1 -> a contact's word, or why it can never be processed.

Only lanes write there, each word on its account's home partition; whatever else stands on the topic
becomes a dead letter, as in the contact lane.
"""

import msgspec

from app.domain.account import AccountInput
from app.domain.reasons import Reason
from app.domain.routing import home_partition, routing_key
from app.errors import Poison
from app.handling.account_decider import AccountDecoder
from app.handling.account_words import read_word
from app.handling.records import SourceRecord
from app.inbound.limits import check_bytes
from app.settings import Limits


def make_account_decoder(limits: Limits, partitions: int) -> AccountDecoder:
    """`partitions`: N, as recorded, not as Kafka has it."""

    def decode(record: SourceRecord) -> AccountInput | Poison:
        try:
            return _read(record, limits, partitions)
        except Poison as poison:
            return poison.with_traceback(None)

    return decode


def _read(record: SourceRecord, limits: Limits, partitions: int) -> AccountInput:
    check_bytes(record, limits, is_from_lane=False)
    if record.value is None:
        raise Poison(Reason.UNDECODABLE, "value: is missing")
    try:
        told = read_word(record.value)
    except msgspec.ValidationError as wrong:  # its messages name places and types, never a value
        raise Poison(Reason.SCHEMA_VIOLATION, f"value: {wrong}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Poison(Reason.UNDECODABLE, "value: is no JSON") from None
    except RecursionError:
        raise Poison(Reason.TOO_LARGE, "value: nested too deeply to be read") from None
    home = home_partition(routing_key(told.tenant, told.account_id), partitions)
    if home != record.partition:
        raise Poison(
            Reason.NOT_ALLOWED_HERE,
            f"the account's home is partition {home}: no lane wrote this record",
        )
    return told
