"""A model's name and version, as they can be part of an address and of every record."""

import re
from collections.abc import Mapping
from typing import Any, Final

from app.domain.reading import Locate, Node

VERSION_MAX: Final = 999_999
_is_name = re.compile(r"\w[\w .+-]{0,63}").fullmatch


def name_and_version(definition: Mapping[str, Any], locate: Locate) -> tuple[str, int]:
    """Of a definition that is stored. Raises ModelError."""
    model = Node(definition, (), locate)
    name, version = model.child("name"), model.child("version")
    if not _is_name(name.text()):
        raise name.error("this can't be a name", "take up to 64 letters, digits, `-` and `.`")
    number = version.number()
    if type(number) is not int or not 1 <= number <= VERSION_MAX:
        raise version.error("a version counts from 1", f"write a whole number to {VERSION_MAX:,}")
    return name.text(), number
