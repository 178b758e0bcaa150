"""Rows of a CSV or NDJSON file, each with where it ends, so that reading can go on from there."""

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from app.errors import FunnelError

CSV: Final = {".csv": None, ".tsv": "\t"}
"""Suffixes, each with its delimiter; None: the one that the header has most of. Others: lines."""
_DELIMITERS: Final = ",;\t|"
_BOM: Final = b"\xef\xbb\xbf"
_LINE_MAX_BYTES: Final = 1024 * 1024


class Place(msgspec.Struct, frozen=True):
    """How far a file was read: up to byte `offset`, which is where row `row` ends."""

    offset: int = 0
    row: int = 0


class Row(msgspec.Struct, frozen=True):
    end: Place
    original: Sequence[str]
    """The cells, or the one line."""
    cells: Mapping[str, Any] | None
    """By column; None where it can't be read: `wrong` says why."""
    wrong: str | None = None


class CsvFile:
    """The header is row 1, as a spreadsheet counts. FunnelError: no CSV; another encoding."""

    def __init__(self, file: BinaryIO, name: str, delimiter: str | None, encoding: str) -> None:
        self._file, self._name, self._encoding = file, name, encoding
        _refuse_wide(encoding)
        self._offset = 0
        self._row = 0
        first = file.readline(_LINE_MAX_BYTES).decode(encoding, errors="replace")
        self._delimiter = delimiter or max(_DELIMITERS, key=first.count)
        file.seek(0)
        self.columns = next(self._records(), [])
        if not any(self.columns):
            raise FunnelError(f"{name}: is empty; its first row must name the columns")
        twice = {each for each in self.columns if each and self.columns.count(each) > 1}
        if twice:
            raise FunnelError(f"{name}: the column {sorted(twice)[0]!r} is there twice")

    def rows(self, after: Place) -> Iterator[Row]:
        if after.row > 1:
            self._file.seek(after.offset)
            self._offset, self._row = after.offset, after.row
        for cells in self._records():
            end = Place(self._offset, self._row)
            if not cells:
                continue
            if len(cells) != len(self.columns):
                wrong = f"has {len(cells)} cells, the header has {len(self.columns)}"
                yield Row(end, cells, None, wrong)
            else:
                yield Row(end, cells, dict(zip(self.columns, cells, strict=True)))

    def _records(self) -> Iterator[list[str]]:
        reader = csv.reader(self._lines(), delimiter=self._delimiter, strict=True)
        while True:
            try:
                cells = next(reader, None)
            except csv.Error as wrong:
                raise FunnelError(
                    f"{self._name}, row {self._row + 1}: is no CSV: {wrong}; is a quote open?"
                ) from None
            except UnicodeDecodeError:
                raise FunnelError(
                    f"{self._name}, row {self._row + 1}: is not {self._encoding}: say what it is"
                    " with --encoding, for example cp1252"
                ) from None
            if cells is None:
                return
            self._row += 1
            yield cells

    def _lines(self) -> Iterator[str]:
        """One by one, so that after a record the offset is where it ends."""
        while line := self._file.readline(_LINE_MAX_BYTES):
            is_first = self._offset == 0
            self._offset += len(line)
            yield (line.removeprefix(_BOM) if is_first else line).decode(self._encoding)


class LinesFile:
    """One JSON object a line; rows are counted as lines."""

    columns: Sequence[str] | None = None
    """Each row has its own."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def rows(self, after: Place) -> Iterator[Row]:
        offset, row = after.offset, after.row
        if offset:
            self._file.seek(offset)
        while line := self._file.readline(_LINE_MAX_BYTES):
            offset, row = offset + len(line), row + 1
            if line.strip():
                yield _line(line, Place(offset, row))


def _line(line: bytes, end: Place) -> Row:
    original = [line.decode(errors="replace").rstrip("\r\n")]
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return Row(end, original, None, "is no JSON")
    if not isinstance(found, dict):
        return Row(end, original, None, "is no JSON object")
    return Row(end, original, found)


def _refuse_wide(encoding: str) -> None:
    """Lines are found as bytes."""
    try:
        if "\n".encode(encoding) == b"\n":
            return
    except LookupError:
        raise FunnelError(f"--encoding {encoding}: there is no such encoding") from None
    raise FunnelError(f"--encoding {encoding}: save the file as UTF-8 first")


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
