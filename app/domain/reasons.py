"""Why a record became a dead letter: the one catalogue (contract: the first that applies)."""

from enum import StrEnum


class Reason(StrEnum):
    """In the order in which they are tested; the last two come from handling and storage."""

    TOO_LARGE = "too_large"
    """Above a limit: bytes of the value, of the headers or of a string, depth, length of an id."""
    UNDECODABLE = "undecodable"
    """The value is no JSON, or an attribute is no UTF-8."""
    NOT_A_CLOUDEVENT = "not_a_cloudevent"
    MISSING_ATTRIBUTE = "missing_attribute"
    UNKNOWN_TYPE = "unknown_type"
    NOT_ALLOWED_HERE = "not_allowed_here"
    """A type that only the commands topic may carry."""
    SCHEMA_VIOLATION = "schema_violation"
    TIME_OUT_OF_RANGE = "time_out_of_range"
    RULE_ERROR = "rule_error"
    STORAGE_REJECTED = "storage_rejected"
