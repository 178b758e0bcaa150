"""Models as PostgreSQL keeps them: plain JSON, complete, compiled without a file to point to."""

import json
from collections.abc import Mapping
from typing import Any

from app.domain.model import Rules, compile_model
from app.models.lists import account_of


def plain(definition: Mapping[str, Any]) -> dict[str, Any]:
    """As it will be read again: dates are texts, the order stays. Of a complete definition."""
    made: dict[str, Any] = json.loads(json.dumps(definition, default=str))
    return made


def rules_of_stored(definition: Mapping[str, Any]) -> Rules:
    """Raises ModelError where this release can't compile what another one stored."""
    return compile_model(definition, account_of=account_of)
