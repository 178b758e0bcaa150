"""What others should be told besides the stage: the difference between now and what they know."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from app.domain.book import Book, Told
from app.domain.changes import Cause, Signal, View
from app.domain.contact import Contact
from app.domain.entry import Entry
from app.domain.firing import Fired
from app.domain.history import transition_id
from app.domain.interaction import Microseconds
from app.domain.rules import Rules
from app.domain.state import Handoff, State
from app.domain.timers import WARNINGS
from app.domain.timestamps import format_rfc3339
from app.domain.views import view

NOTICES_MAX: Final = 16
MARKETING: Final = "marketing"
_TIMER_OF: Final = {"opp_stale_warning": "opp_stale"}
"""What a warning is called outside."""


class Notice(NamedTuple):
    """A timer that went off and only tells."""

    name: str
    due: Microseconds
    cause: Entry


def notices(fired: Sequence[Fired]) -> list[Notice]:
    """Of the timers that went off, those that only tell."""
    return [
        Notice(timer.name, timer.due, entry) for timer, entry, _ in fired if timer.name in WARNINGS
    ]


class Teller:
    """Collects the signals of one decision, in the order in which they are told."""

    def __init__(
        self,
        contact: Contact,
        cause: Entry,
        rules: Rules,
        traceparent: str | None,
        shown: View | None = None,
    ) -> None:
        """`shown`: the view of what was decided, where it is known."""
        self.shown = shown
        self.contact = contact
        self.cause = cause
        self.rules = rules
        self.traceparent = traceparent
        self.signals: list[Signal] = []

    def tell(self, notices: list[Notice]) -> list[Signal]:
        """Say what is new, and keep in mind that it was said. An old cause says nothing.

        First what timers say, which went off before; each is its own cause.
        """
        book = self.contact.evidence.book
        state, told = book.state, book.told
        is_heard = not self.cause.is_quiet
        for notice in notices:
            self._notice(notice, told)
        if handoff_of(state) != told.handoff:
            self._hand_over(state, told, is_heard)
        if state.nurture != told.nurture:
            self._nurture(state, told, is_heard)
        if state.asked_at != told.asked_at:
            self._ask(state, told, is_heard)
        if state.temperature != told.temperature:
            if is_heard:
                details = {"from": told.temperature, "to": state.temperature}
                self._say("temperature_changed", details=details)
            told.temperature = state.temperature
        return self.signals

    def _hand_over(self, state: State, told: Told, is_heard: bool) -> None:
        now, handoff = handoff_of(state), state.handoff
        if told.handoff is not None:
            is_answered = handoff is not None and identity(handoff) == told.handoff
            if not is_answered and is_heard:
                self._say_of_move("handoff_withdrawn", told.handoff)
        if now is not None and is_heard:
            assert handoff is not None
            self._say_of_move("handoff_requested", now, handoff.transition)
        # Nobody has heard of one that was requested by something old.
        told.handoff = now

    def _nurture(self, state: State, told: Told, is_heard: bool) -> None:
        if is_heard and MARKETING not in state.opted_out:
            if state.nurture is None:
                assert told.nurture is not None
                self._say("nurture_withdrawn", details={"track": told.nurture[0]})
            else:
                self._say("nurture_requested", details={"track": state.nurture[0]})
        told.nurture = state.nurture

    def _ask(self, state: State, told: Told, is_heard: bool) -> None:
        """Late history may move the moment of asking; nobody is asked again for that."""
        if state.asked_at is None:
            return
        again = self.rules.terms.ask_again
        is_new = told.asked_at is None or state.asked_at - told.asked_at >= again
        if is_new and is_heard:
            self._say("qualification_needed")
        if is_new:
            told.asked_at = state.asked_at

    def _notice(self, notice: Notice, told: Told) -> None:
        said = (notice.name, notice.due)
        if said in told.notices:
            return
        told.notices = [*told.notices[1 - NOTICES_MAX :], said]
        if notice.cause.is_quiet:
            return
        kind = WARNINGS[notice.name]
        timer, due = _TIMER_OF.get(notice.name, notice.name), format_rfc3339(notice.due)
        details = {"timer": timer, "due": due} if kind == "sla_breached" else {"due": due}
        self._say(kind, f"{notice.name}@{notice.due}", details, cause=notice.cause)

    def _say_of_move(
        self, kind: str, move: tuple[str, str, int, int], transition: str | None = None
    ) -> None:
        tid = transition_id(self.contact.tenant, self.contact.contact_id, move)
        self._say(kind, tid, None, tid, transition, move)

    def _say(
        self,
        kind: str,
        key: str = "",
        details: dict[str, str] | None = None,
        tid: str | None = None,
        transition: str | None = None,
        move: tuple[str, str, int, int] | None = None,
        cause: Entry | None = None,
    ) -> None:
        contact, cause, state = self.contact, cause or self.cause, self.contact.fold
        if self.shown is None:
            self.shown = view(contact, self.rules, state.head_time)
        actor = (cause.fields or {}).get("actor")
        self.signals.append(
            Signal(
                kind,
                contact.seq,
                state.cycle,
                cause.time,
                Cause(
                    cause.id,
                    cause.source,
                    cause.type,
                    False,
                    actor if isinstance(actor, str) else None,
                ),
                self.shown,
                self.rules.ref,
                f"{key}#{contact.version}#{cause.source}#{cause.id}#{cause.time}",
                details or {},
                tid,
                transition,
                None if move is None else move[0],
                None if move is None else move[1],
                False,
                self.traceparent,
            )
        )


def is_news(book: Book) -> bool:
    """Something differs from what others know. Looked at after every step: cheap."""
    state, told = book.state, book.told
    return (
        state.temperature != told.temperature
        or state.nurture != told.nurture
        or state.asked_at != told.asked_at
        or handoff_of(state) != told.handoff
    )


def handoff_of(state: State) -> tuple[str, str, int, int] | None:
    """The move of the hand-off that is open."""
    handoff = state.handoff
    return None if handoff is None or handoff.answer is not None else identity(handoff)


def identity(handoff: Handoff) -> tuple[str, str, int, int]:
    return handoff.from_stage, handoff.to_stage, handoff.cycle, handoff.n
