"""What the fuzzing leaves out is really there, and is told from what it must not leave out."""

import json
import re

import pytest

from app.contract.files import OPENAPI, SCHEMAS, read
from tests.fuzz.asking import is_made
from tests.fuzz.generating import COSTLY, LEFT_OUT, UNMADE
from tests.fuzz.refusals import is_expected


def operation_ids() -> set[str]:
    paths = read(SCHEMAS / OPENAPI)["paths"]
    return {each["operationId"] for methods in paths.values() for each in methods.values()}


def test_what_is_left_out_exists() -> None:
    assert set(LEFT_OUT) <= operation_ids()
    assert all(map(is_made, UNMADE))


def test_costly_ones_are_few() -> None:
    costly = [each for each in operation_ids() if re.match("|".join(COSTLY), each)]
    assert "simulate" in costly
    assert len(costly) <= 4


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ([{"field": "after", "detail": "must be the `next` of the answer before"}], True),
        ([{"field": "/3/data/product_id", "detail": "is needed"}], True),
        ([{"field": "", "detail": "a string holds U+0000, which can't be stored"}], True),
        ([{"field": "", "detail": "must be a JSON object"}], False),
        ([{"field": "limit", "detail": "must be less"}], False),
        ([{"field": "after", "detail": ""}, {"field": "limit", "detail": ""}], False),
        ([], False),
    ],
)
def test_only_known_refusals_of_what_is_sound_are_passed_over(
    errors: list[dict[str, str]], expected: bool
) -> None:
    assert is_expected(json.dumps({"errors": errors}).encode()) is expected


@pytest.mark.parametrize("answer", [b"", b"[]", b"no json", b"\xff"])
def test_what_is_no_problem_is_no_known_refusal(answer: bytes) -> None:
    assert not is_expected(answer)
