"""What the columns of a row mean: a mapping, from a file and from options."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from app.errors import FunnelError

ATTRIBUTES: Final = (
    *("id", "source", "type", "subject", "time", "tenantid"),
    *("ingestmode", "automated", "channel", "campaignid"),
)
DATA: Final = "data."


class Cell(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The value of a column. An empty one is left out, unless `values` or `default` has it."""

    column: str
    values: dict[str, Any] | None = None
    """What each cell means; others are refused."""
    default: Any = None
    as_: Literal["text", "number", "boolean", "list", "json"] | None = msgspec.field(
        default=None, name="as"
    )
    """None: as the schema of the type says."""
    format: str | None = None
    """Of a time, as strptime has it. None: ISO 8601."""
    zone: str | None = None
    """Of a time that names none."""
    hash: Literal["sha256"] | None = None
    """Of the cell in lower case: a key that is no address."""


class Plan(msgspec.Struct, frozen=True):
    """Constants, `Cell`s and nested mappings of them."""

    attributes: dict[str, Any]
    data: dict[str, Any]
    types: dict[str, dict[str, Any]]
    """More data, by the type of the row."""

    @property
    def columns(self) -> set[str]:
        parts = (self.attributes, self.data, self.types)
        return {cell.column for part in parts for cell in cells_of(part)}


def cells_of(part: Any) -> Iterator[Cell]:
    if isinstance(part, Cell):
        yield part
    elif isinstance(part, dict):
        for each in part.values():
            yield from cells_of(each)


def read_plan(path: Path) -> Plan:
    """FunnelError: what is wrong with the mapping file, and where."""
    try:
        found = msgspec.yaml.decode(path.read_bytes())
    except OSError as failed:
        raise FunnelError(f"can't read {path}: {failed.strerror}") from None
    except msgspec.DecodeError as wrong:
        raise FunnelError(f"{path}: is no YAML: {wrong}") from None
    if not isinstance(found, dict):
        raise FunnelError(f"{path}: must be a mapping of {', '.join(ATTRIBUTES)}, data and types")
    known = {*ATTRIBUTES, "data", "types"}
    for name in found:
        if name not in known:
            raise FunnelError(
                f"{path}: there is no attribute {name!r}; what is not one of"
                f" {', '.join(ATTRIBUTES)} stands below data"
            )
    attributes = {name: found[name] for name in ATTRIBUTES if name in found}
    return Plan(
        _part(attributes, str(path)),
        _part(_mapping(found, "data", path), f"{path}: data"),
        {
            type_: _part(_mapping({type_: each}, type_, path).get("data", {}), f"{path}: {type_}")
            for type_, each in _mapping(found, "types", path).items()
        },
    )


def _mapping(found: Mapping[str, Any], name: str, path: Path) -> dict[str, Any]:
    part = found.get(name) or {}
    if not isinstance(part, dict):
        raise FunnelError(f"{path}: {name}: must be a mapping")
    return part


def _part(part: Any, at: str) -> Any:
    if not isinstance(part, dict):
        return part
    if "column" not in part:
        return {str(name): _part(each, f"{at}: {name}") for name, each in part.items()}
    for key in part.get("values") or ():
        if isinstance(key, bool):
            raise FunnelError(f"{at}: values: YAML reads yes and no as true and false: quote them")
    if isinstance(part.get("values"), dict):
        part = {**part, "values": {str(key): value for key, value in part["values"].items()}}
    try:
        return msgspec.convert(part, Cell)
    except msgspec.ValidationError as wrong:
        raise FunnelError(f"{at}: {wrong}") from None


def with_options(
    plan: Plan, columns: Sequence[tuple[str, str]], constants: Sequence[tuple[str, Any]]
) -> Plan:
    """`columns` and `constants`: of names, over what the file says. FunnelError: no such name."""
    attributes, data = dict(plan.attributes), plan.data
    for name, value in [*((name, Cell(column)) for name, column in columns), *constants]:
        if name in ATTRIBUTES:
            attributes[name] = value
        elif name.startswith(DATA) and name != DATA:
            data = _put(data, name.removeprefix(DATA).split("."), value)
        else:
            raise FunnelError(
                f"there is no attribute {name!r}: write data.{name}, or one of"
                f" {', '.join(ATTRIBUTES)}"
            )
    return Plan(attributes, data, plan.types)


def _put(data: Mapping[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    name, *below = path
    inner = data.get(name)
    if below:
        value = _put(inner if isinstance(inner, dict) else {}, below, value)
    return {**data, name: value}


def named_alike(columns: Sequence[str]) -> list[tuple[str, str]]:
    """The plan where none is given: a column that is called as an attribute, or data.x, is that."""
    return [
        (each, each)
        for each in columns
        if each in ATTRIBUTES or (each.startswith(DATA) and each != DATA)
    ]
