"""Rows of a file, as a spreadsheet counts them, and reading on from any of them."""

import io
import json

import pytest

from app.cli.importing.rows import CsvFile, LinesFile, Place, Row
from app.errors import FunnelError

TABLE = 'Email,Note\r\na@x.example,"two\r\nlines, with a comma"\r\n\r\nb@x.example,é\r\n'


def table(text: str | bytes, delimiter: str | None = None, encoding: str = "utf-8") -> CsvFile:
    value = text.encode() if isinstance(text, str) else text
    return CsvFile(io.BytesIO(value), "scans.csv", delimiter, encoding)


def cells(row: Row) -> list[str]:
    assert row.cells is not None
    return list(row.cells.values())


def test_a_cell_may_hold_line_ends_and_empty_rows_are_passed_over() -> None:
    first, second = table(TABLE).rows(Place())
    assert cells(first) == ["a@x.example", "two\r\nlines, with a comma"]
    assert cells(second) == ["b@x.example", "é"]
    assert (first.end.row, second.end.row) == (2, 4)
    assert second.end.offset == len(TABLE.encode())


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_reading_goes_on_where_a_row_ended(bom: bytes) -> None:
    whole = bom + TABLE.encode()
    first, second = table(whole).rows(Place())
    assert list(table(whole).rows(first.end)) == [second]
    assert list(table(whole).rows(second.end)) == []


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_what_the_header_has_most_of(delimiter: str) -> None:
    read = table(f"a{delimiter}b{delimiter}c\n1{delimiter}2{delimiter}3\n")
    assert read.columns == ["a", "b", "c"]
    assert [cells(row) for row in read.rows(Place())] == [["1", "2", "3"]]


def test_a_delimiter_that_is_given_counts() -> None:
    assert table("a,b;c,d\n", ";").columns == ["a,b", "c,d"]


def test_another_encoding_is_read_when_it_is_named() -> None:
    (row,) = table("Name\nJürgen\n".encode("cp1252"), encoding="cp1252").rows(Place())
    assert cells(row) == ["Jürgen"]


def test_a_row_of_another_length_is_wrong_and_the_next_is_not() -> None:
    short, sound = table("a,b\n1\n1,2\n").rows(Place())
    assert (short.cells, short.wrong) == (None, "has 1 cells, the header has 2")
    assert cells(sound) == ["1", "2"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty"),
        ("\n", "is empty"),
        ("a,a\n", "the column 'a' is there twice"),
        ('a,b\n"open,1\n2,3\n', "row 2: is no CSV"),
        (b"a\nJ\xfcrgen\n", "row 2: is not utf-8: say what it is with --encoding"),
    ],
)
def test_what_is_no_table_is_told_with_its_row(text: str | bytes, told: str) -> None:
    with pytest.raises(FunnelError, match=told):
        list(table(text).rows(Place()))


@pytest.mark.parametrize("encoding", ["utf-16", "klingon"])
def test_an_encoding_that_can_not_be_read_is_refused(encoding: str) -> None:
    with pytest.raises(FunnelError, match="--encoding"):
        table("a\n", encoding=encoding)


def test_lines_are_objects_and_reading_goes_on_after_each() -> None:
    text = b'{"a": 1}\n\nnonsense\n[1]\n{"a": 2}'
    rows = list(LinesFile(io.BytesIO(text)).rows(Place()))
    assert [row.end.row for row in rows] == [1, 3, 4, 5]
    assert [row.cells for row in rows] == [{"a": 1}, None, None, {"a": 2}]
    assert [row.wrong for row in rows] == [None, "is no JSON", "is no JSON object", None]
    for at, row in enumerate(rows):
        assert list(LinesFile(io.BytesIO(text)).rows(row.end)) == rows[at + 1 :]


def test_a_line_that_is_nested_without_end_is_wrong_only() -> None:
    deep = b"[" * 100_000 + b"\n" + json.dumps({"a": 1}).encode()
    first, second = LinesFile(io.BytesIO(deep)).rows(Place())
    assert (first.wrong, second.cells) == ("is no JSON", {"a": 1})
