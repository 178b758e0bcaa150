"""Named places where a test may kill, stop, fail or delay the process.

Every await that crosses a boundary (PostgreSQL, Kafka) is preceded by `hit(Failpoint.X)`; a test
walks the code and fails where one is missing. Armed by FUNNEL_FAILPOINTS, for example
``apply.before_commit=kill:0.01,publish.before_commit=error:0.05,takeover.before_cas=sleep:0.1:2``
(name=action[:probability[:seconds]]); unarmed, a hit is one comparison.
"""

import os
import random
import signal
import time
from enum import StrEnum
from typing import Final

from app.errors import SettingsError


class Failpoint(StrEnum):
    """Where it is, as ``stage.moment``."""

    INCARNATION_BEFORE_INIT = "incarnation.before_init"
    INCARNATION_AFTER_INIT = "incarnation.after_init"
    INCARNATION_BEFORE_CONNECT = "incarnation.before_connect"
    TAKEOVER_BEFORE_ROW = "takeover.before_row"
    TAKEOVER_BEFORE_FENCE = "takeover.before_fence"
    TAKEOVER_BEFORE_TERMINATE = "takeover.before_terminate"
    TAKEOVER_BEFORE_OFFSETS = "takeover.before_offsets"
    TAKEOVER_BEFORE_SCAN = "takeover.before_scan"
    TAKEOVER_BEFORE_CAS = "takeover.before_cas"
    TAKEOVER_BEFORE_SEGMENTS = "takeover.before_segments"
    TAKEOVER_BEFORE_REPUBLISH = "takeover.before_republish"
    TAKEOVER_BEFORE_SEEK = "takeover.before_seek"
    HALTS_BEFORE_LOOK = "halts.before_look"
    FETCH_BEFORE_POLL = "fetch.before_poll"
    LOAD_BEFORE_CONTACTS = "load.before_contacts"
    LOAD_BEFORE_SEALED = "load.before_sealed"
    LOAD_BEFORE_ERASED = "load.before_erased"
    LOAD_BEFORE_ACCOUNTS = "load.before_accounts"
    LOAD_BEFORE_MODELS = "load.before_models"
    TIMERS_BEFORE_LOOK = "timers.before_look"
    TIMERS_BEFORE_DUE = "timers.before_due"
    SWEEP_BEFORE_CONTACTS = "sweep.before_contacts"
    APPLY_BEFORE_BEGIN = "apply.before_begin"
    APPLY_AFTER_FENCE = "apply.after_fence"
    APPLY_BEFORE_CONTACTS = "apply.before_contacts"
    APPLY_BEFORE_MERGE = "apply.before_merge"
    APPLY_BEFORE_HISTORY = "apply.before_history"
    APPLY_BEFORE_ACCOUNTS = "apply.before_accounts"
    APPLY_BEFORE_LISTS = "apply.before_lists"
    APPLY_BEFORE_REVOCATIONS = "apply.before_revocations"
    APPLY_BEFORE_SEALED = "apply.before_sealed"
    APPLY_BEFORE_DEAD_LETTERS = "apply.before_dead_letters"
    APPLY_BEFORE_ERASURE = "apply.before_erasure"
    APPLY_BEFORE_MODELS = "apply.before_models"
    APPLY_BEFORE_RESULTS = "apply.before_results"
    APPLY_BEFORE_HALTS = "apply.before_halts"
    APPLY_BEFORE_COMMIT = "apply.before_commit"
    APPLY_AFTER_COMMIT = "apply.after_commit"
    APPLY_BEFORE_ROLLBACK = "apply.before_rollback"
    PUBLISH_BEFORE_BEGIN = "publish.before_begin"
    PUBLISH_BEFORE_SEND = "publish.before_send"
    PUBLISH_BEFORE_DELIVERY = "publish.before_delivery"
    PUBLISH_BEFORE_OFFSETS = "publish.before_offsets"
    PUBLISH_BEFORE_COMMIT = "publish.before_commit"
    PUBLISH_AFTER_COMMIT = "publish.after_commit"
    ERASE_BEFORE_LOOK = "erase.before_look"
    ERASE_BEFORE_UNTIL = "erase.before_until"
    ERASE_BEFORE_SEGMENTS = "erase.before_segments"
    ERASE_BEFORE_BLANK = "erase.before_blank"
    ERASE_BEFORE_COMMIT = "erase.before_commit"
    ERASE_BEFORE_DEAD_LETTERS = "erase.before_dead_letters"
    ERASE_BEFORE_FINISH = "erase.before_finish"
    CATCH_UP_BEFORE_BEGIN = "catch_up.before_begin"
    CATCH_UP_BEFORE_LOOK = "catch_up.before_look"
    CATCH_UP_BEFORE_REACHED = "catch_up.before_reached"
    CATCH_UP_BEFORE_END = "catch_up.before_end"
    RELEASE_BEFORE_DRAIN = "release.before_drain"
    RELEASE_BEFORE_ROW = "release.before_row"


ENVIRONMENT: Final = "FUNNEL_FAILPOINTS"
_ACTIONS: Final = ("kill", "stop", "error", "sleep")


class InjectedFault(Exception):
    """Raised by an armed failpoint with the action ``error``."""


def parse(text: str) -> dict[Failpoint, tuple[str, float, float]]:
    """The setting as {failpoint: (action, probability, seconds)}; SettingsError if wrong."""
    armed: dict[Failpoint, tuple[str, float, float]] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, rest = part.partition("=")
        action, *numbers = rest.split(":")
        try:
            point = Failpoint(name)
            probability, seconds = ([float(n) for n in numbers] + [1.0, 1.0][len(numbers) :])[:2]
        except ValueError as wrong:
            raise SettingsError(f"{ENVIRONMENT}: {part!r}: {wrong}") from None
        if action not in _ACTIONS:
            raise SettingsError(f"{ENVIRONMENT}: {part!r}: action must be one of {_ACTIONS}")
        armed[point] = (action, probability, seconds)
    return armed


_armed = parse(os.environ.get(ENVIRONMENT, ""))


def hit(point: Failpoint) -> None:
    """Do what is armed at `point`: nothing, in production."""
    if _armed and point in _armed:
        _fire(*_armed[point])


def _fire(action: str, probability: float, seconds: float) -> None:
    if random.random() >= probability:  # noqa: S311 - chance of a fault, no secret
        return
    match action:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "sleep":
            time.sleep(seconds)
        case _:
            raise InjectedFault("a fault was injected")
