"""Dead letters as the operators' pages list them and send them again."""

from msgspec.structs import asdict

from app.api.cursor import Number, cursor_of, key_of
from app.api.database import Database
from app.api.dead_letter_shapes import dead_letter_answer
from app.api.dead_letters import ID_MAX
from app.api.intake import Intake
from app.api.principal import Principal
from app.api.problems import Problem, not_found
from app.api.ui.ports import LetterList, ListedLetter
from app.domain.reasons import Reason
from app.outbound.redriving import Redriving, is_whole
from app.storage import dead_letter_queries
from app.storage.dead_letter_queries import Wanted
from app.storage.rows import StoredDeadLetter


class StoredLetters:
    can_redrive = True

    def __init__(self, database: Database, intake: Intake) -> None:
        self._database = database
        self._intake = intake

    async def letters(self, *, reason: str | None, limit: int, after: str | None) -> LetterList:
        if reason is not None and reason not in set(Reason):
            return LetterList([], None)
        wanted = Wanted(reason=None if reason is None else Reason(reason))
        found = await dead_letter_queries.newest(
            self._database.engine, wanted, limit=limit + 1, before=key_of(after, Number)
        )
        items = [_listed(each) for each in found[:limit]]
        return LetterList(items, cursor_of(items[-1].id) if len(found) > limit else None)

    async def redrive(self, principal: Principal, letter_id: int) -> None:
        engine, letter = self._database.engine, None
        if 0 < letter_id <= ID_MAX:
            letter = await dead_letter_queries.find(engine, letter_id)
        if letter is None:
            raise not_found("dead letter")
        if not is_whole(letter):
            detail = "it was too large to be kept whole: let its producer send it again"
            raise Problem(422, "not-whole", detail)
        await Redriving(engine, self._intake.put_again, principal.actor).one(letter)


def _listed(letter: StoredDeadLetter) -> ListedLetter:
    told = asdict(dead_letter_answer(letter))
    del told["lane"]
    return ListedLetter(**told)
