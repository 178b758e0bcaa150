import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from app.telemetry.logs import AGAIN_AFTER_SECONDS, PERSONAL, Seldom, configure, is_worth_a_line


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


def test_own_and_library_logs_have_the_same_shape(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", "json")
    structlog.get_logger("own").info("said", n=1)
    logging.getLogger("library").info("said %d", 1)
    own, library = lines(capsys)
    assert own.keys() - {"n"} == library.keys() == {"event", "level", "logger", "timestamp"}
    assert library["event"] == "said 1"


@pytest.mark.parametrize("field", sorted(PERSONAL))
def test_personal_field_is_masked(field: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", "json")
    structlog.get_logger("own").info("said", **{field: "ada@example.org"})
    assert "ada" not in json.dumps(lines(capsys))


@pytest.mark.parametrize("style", ["json", "console"])
def test_traceback_shows_no_local_variable(style: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", style)  # type: ignore[arg-type]
    e_mail = "ada@" + "example.org"
    try:
        raise ValueError("no" * len(e_mail))
    except ValueError:
        structlog.get_logger("own").exception("bug")
    said = capsys.readouterr().err
    assert "ValueError" in said
    assert "ada@example" not in said


def test_level_below_the_set_one_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    configure("warning", "json")
    structlog.get_logger("own").info("said")
    logging.getLogger("library").info("said")
    assert lines(capsys) == []


@pytest.mark.parametrize(
    ("message", "heard"),
    [
        ("Got error produce response on topic-partition x, retrying. Error: NotEnoughReplicas", 0),
        ("Got error produce response on topic-partition x, retrying. Error: Concurrent…", 0),
        ("Got error produce response on topic-partition x, retrying. Error: NotLeader", 1),
        ("Got error produce response: NotEnoughReplicas", 1),
    ],
)
def test_only_the_normal_course_is_silenced(message: str, heard: int) -> None:
    record = logging.LogRecord("aiokafka.producer.sender", 30, "", 0, message, (), None)
    assert is_worth_a_line(record) is bool(heard)


def said(name: str, template: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord(name, 40, "", 0, template, args, None)


def test_aiokafka_repeats_itself_only_after_a_while() -> None:
    moments = iter([0.0, 1.0, AGAIN_AFTER_SECONDS, AGAIN_AFTER_SECONDS + 1])
    seldom = Seldom(lambda: next(moments))
    heard = [seldom(said("aiokafka", "Unable connect to node %s", n)) for n in range(4)]
    assert heard == [True, False, True, False]


def test_different_messages_of_aiokafka_do_not_silence_each_other() -> None:
    seldom = Seldom(lambda: 0.0)
    assert seldom(said("aiokafka", "one"))
    assert seldom(said("aiokafka", "other"))


def test_own_logs_may_repeat_themselves() -> None:
    seldom = Seldom(lambda: 0.0)
    assert [seldom(said("app.handling.lane", "again")) for _ in range(2)] == [True, True]
