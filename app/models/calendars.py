"""The public holidays of a country, as dates that are frozen into a model."""

from collections.abc import Mapping
from typing import Any, Final

from app.domain.reading import Locate, Node

YEARS: Final = range(2000, 2041)


def with_holidays(definition: dict[str, Any], locate: Locate) -> dict[str, Any]:
    """`definition` with a country's holidays as dates in the place of its code. Raises ModelError.

    A model is compiled from dates alone, so a later release of the list can't change a history.
    """
    section = definition.get("business_hours")
    if not isinstance(section, Mapping) or not isinstance(section.get("holidays"), str):
        return definition
    node = Node(definition, (), locate).child("business_hours").child("holidays")
    return definition | {"business_hours": {**section, "holidays": _dates(node)}}


def _dates(node: Node) -> list[str]:
    from holidays import country_holidays

    country, _, region = node.text().partition("-")
    try:
        found = country_holidays(country, subdiv=region or None, years=YEARS)
    except NotImplementedError:
        raise node.error(
            f"there is no list of holidays for {node.value!r}",
            "write a country as `DE`, a part of it as `DE-BY`, or a list of dates",
        ) from None
    return [day.isoformat() for day in sorted(found)]
