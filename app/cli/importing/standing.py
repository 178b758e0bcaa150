"""How far an import got, in a file beside the imported one: written only once Kafka has it."""

import os
from pathlib import Path

import msgspec

from app.cli.importing.rows import Place
from app.errors import FunnelError


class Standing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    file_sha256: str
    mapping_sha256: str
    place: Place = Place()
    sent: int = 0
    refused: int = 0
    errors_bytes: int = 0
    """Length of the file of errors then: what follows was written by a run that ended early."""
    is_complete: bool = False


def read_standing(path: Path) -> Standing | None:
    """FunnelError where it is something else."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Standing)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as wrong:
        raise FunnelError(
            f"{path}: can't be read as the state of an import ({wrong}): say --restart, or another"
            " file with --state"
        ) from None


def write_standing(path: Path, standing: Standing) -> None:
    """Whole or not at all. FunnelError."""
    new = path.with_name(f"{path.name}.new")
    try:
        new.write_bytes(msgspec.json.encode(standing))
        os.replace(new, path)
    except OSError as failed:
        raise FunnelError(
            f"can't write {path}: {failed.strerror}; another place: --state FILE"
        ) from None
