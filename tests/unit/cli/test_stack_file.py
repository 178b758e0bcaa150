import os
from pathlib import Path

import pytest

from app.cli.stack_file import StackFile, place_in, read, refuse_second, running_in, standing
from app.errors import SetupError

OWN = StackFile("127.0.0.1:1", "postgresql://h/d", "http://h:1", {"funnel": os.getpid()})
NEVER_A_PID = 2**22 + 1


def left_by(pid: int, data_dir: Path) -> None:
    other = StackFile("127.0.0.1:2", "postgresql://h/d", "http://h:2", {"funnel": pid})
    with standing(data_dir, other):
        kept = place_in(data_dir).read_bytes()
    place_in(data_dir).write_bytes(kept)


def test_file_stands_while_the_stack_runs_and_no_longer(tmp_path: Path) -> None:
    with standing(tmp_path, OWN) as place:
        assert place == tmp_path / "dev.json"
        assert running_in(tmp_path) == OWN
    assert not place.exists()


def test_file_is_for_its_owner_only(tmp_path: Path) -> None:
    with standing(tmp_path, OWN) as place:
        assert place.stat().st_mode & 0o777 == 0o600


def test_file_goes_also_when_the_command_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), standing(tmp_path, OWN):
        raise ZeroDivisionError
    assert not place_in(tmp_path).exists()


def test_second_stack_on_the_same_data_is_refused(tmp_path: Path) -> None:
    left_by(os.getppid(), tmp_path)
    with pytest.raises(SetupError, match="already running"):
        refuse_second(tmp_path)


def test_file_of_a_killed_process_is_no_stack(tmp_path: Path) -> None:
    left_by(NEVER_A_PID, tmp_path)
    assert read(tmp_path) is not None
    assert running_in(tmp_path) is None
    refuse_second(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{}", b"not json", b'{"bootstrap_servers": 3}'])
def test_broken_file_is_no_stack(content: bytes, tmp_path: Path) -> None:
    place_in(tmp_path).write_bytes(content)
    assert running_in(tmp_path) is None
