"""Dead letters for whoever looks at them: the HTTP interface and the pages alike."""

from typing import Final

from app.api.cursor import Number, cursor_of, key_of
from app.api.database import Database
from app.api.dead_letter_shapes import DeadLetterPage, dead_letter_answer
from app.api.intake import Intake
from app.api.problems import Problem, not_found
from app.outbound.redriving import Redriving, is_whole
from app.storage import dead_letter_queries as queries
from app.storage.dead_letter_queries import Wanted
from app.storage.rows import StoredDeadLetter

ID_MAX: Final = 2**63 - 1


async def read_letters(
    database: Database, wanted: Wanted, *, limit: int, after: str | None
) -> DeadLetterPage:
    """Newest first. Problem 422: `after` is none of ours. Raises Unavailable."""
    found = await queries.newest(
        database.engine, wanted, limit=limit + 1, before=key_of(after, Number)
    )
    items = [dead_letter_answer(each) for each in found[:limit]]
    return DeadLetterPage(items, cursor_of(items[-1].id) if len(found) > limit else None)


async def find_letter(database: Database, letter_id: int) -> StoredDeadLetter:
    """Problem 404. Raises Unavailable."""
    letter = None
    if 0 < letter_id <= ID_MAX:
        letter = await queries.find(database.engine, letter_id)
    if letter is None:
        raise not_found("dead letter")
    return letter


async def redrive_letter(database: Database, intake: Intake, actor: str, letter_id: int) -> None:
    """Problem 404, 422: it was not kept whole. Raises Unavailable."""
    letter = await find_letter(database, letter_id)
    if not is_whole(letter):
        detail = "was too large to be kept whole: let its producer send it again"
        raise Problem(422, "not-whole", f"dead letter {letter_id} {detail}")
    await Redriving(database.engine, intake.put_again, actor).one(letter)
