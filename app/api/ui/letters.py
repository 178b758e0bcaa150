"""Dead letters as the operators' pages list them."""

from app.api.cursor import Number, cursor_of, key_of
from app.api.database import Database
from app.api.principal import Principal
from app.api.problems import not_found
from app.api.ui.ports import LetterList, ListedLetter
from app.domain.timestamps import format_rfc3339
from app.storage import queries
from app.storage.rows import StoredDeadLetter


class StoredLetters:
    can_redrive = False

    def __init__(self, database: Database) -> None:
        self._database = database

    async def letters(self, *, reason: str | None, limit: int, after: str | None) -> LetterList:
        found = await queries.dead_letters(
            self._database.engine, limit=limit + 1, reason=reason, before=key_of(after, Number)
        )
        items = [_listed(each) for each in found[:limit]]
        return LetterList(items, cursor_of(items[-1].id) if len(found) > limit else None)

    async def redrive(self, principal: Principal, letter_id: int) -> None:  # noqa: ARG002
        raise not_found("dead letter that can be sent again")


def _listed(letter: StoredDeadLetter) -> ListedLetter:
    row = letter.row
    return ListedLetter(
        letter.id,
        format_rfc3339(row.failed_at),
        row.reason,
        row.message,
        row.topic,
        row.source_partition,
        row.source_offset,
    )
