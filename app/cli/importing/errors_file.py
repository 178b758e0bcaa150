"""Refused rows, with the reason, in the form of the imported file: mend them and publish that."""

import csv
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from app.cli.importing.rows import Row
from app.errors import FunnelError

ROW: Final = "row"
REASON: Final = "reason"


class ErrorsFile:
    """Made with the first refusal; readable by its owner only, as it holds what the rows do."""

    def __init__(self, path: Path | None, columns: Sequence[str] | None) -> None:
        """`path`: None keeps nothing. `columns`: of a CSV file; None: rows are lines of JSON."""
        self.path = path
        self._columns = columns
        self.size = 0

    def cut(self, size: int) -> None:
        """Begin anew after so many bytes."""
        if self.path is None:
            return
        try:
            if size == 0:
                self.path.unlink(missing_ok=True)
            elif self.path.exists():
                os.truncate(self.path, min(size, self.path.stat().st_size))
            self.size = self.path.stat().st_size if size and self.path.exists() else 0
        except OSError as failed:
            raise self._unwritable(failed) from None

    def add(self, row: Row, reason: str) -> None:
        if self.path is None:
            return
        text = self._told(row, reason)
        if self.size == 0 and self._columns is not None:
            text = self._csv([ROW, REASON, *self._columns]) + text
        try:
            opened = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(opened, "wb") as file:
                self.size += file.write(text.encode())
        except OSError as failed:
            raise self._unwritable(failed) from None

    def _told(self, row: Row, reason: str) -> str:
        if self._columns is not None:
            return self._csv([str(row.end.row), reason, *row.original])
        told = {ROW: row.end.row, REASON: reason, "original": row.cells or row.original[0]}
        return json.dumps(told, ensure_ascii=False) + "\n"

    def _csv(self, cells: Sequence[str]) -> str:
        made = io.StringIO()
        csv.writer(made, lineterminator="\n").writerow(cells)
        return made.getvalue()

    def _unwritable(self, failed: OSError) -> FunnelError:
        return FunnelError(
            f"can't write {self.path}: {failed.strerror}; another place: --errors FILE"
        )
