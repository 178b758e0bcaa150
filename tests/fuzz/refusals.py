"""What a schema can't say: refusals of requests that are sound by theirs.

By the field that the problem names, and where there is none by what it says. Any other refusal of
such a request is a fault, either of the service or of its description.
"""

import json
import re
from collections.abc import Mapping
from typing import Final

_WHY: Final = {
    r"after": "a cursor is opaque: only the `next` of an answer is one",
    r"stage|owner_team|/data/to_stage": "stages and teams are the words of the tenant's model",
    r"(/\d+)?/type": "so are the types of interactions",
    r"(/\d+)?/data(/.*)?": "what data must be depends on the type",
    r"(/\d+)?/time|as_of|known_at|/?since|/?until": "a moment must lie where one can have been",
    r"(/\d+)?/tenantid": "the tenant is the token's",
    r"by": "channels and campaigns are counted by month",
    r"/url": "receivers are public and encrypted",
    r"Idempotency-Key": "one key, one decision",
    r": a string holds U\+0000.*": "wherever it is: a schema can't say so of every text inside",
    r"/(type|source|topic)": "no text of PostgreSQL holds NUL; to say so would break a release",
    r": model\.yaml:\d+: .*": "a model that is sent as text is read by its compiler",
}
_is_known = re.compile("|".join(f"(?:{field})" for field in _WHY), re.DOTALL).fullmatch


def is_expected(answer: bytes) -> bool:
    try:
        errors: list[dict[str, str]] = json.loads(answer).get("errors", [])
    except (ValueError, AttributeError):
        return False
    return bool(errors) and all(map(_is_expected, errors))


def _is_expected(error: Mapping[str, str]) -> bool:
    field = error.get("field", "")
    return _is_known(field or f": {error.get('detail')}") is not None
