"""What a replay tells."""

import msgspec

from app.domain.replay_difference import Difference

DIFFERENCES_MAX = 1_000
"""Listed; all are counted."""


class ReplayReport(msgspec.Struct):
    contacts: int = 0
    """Compared."""
    interactions: int = 0
    """Folded again."""
    differing: int = 0
    """Contacts."""
    differences: list[Difference] = []
    too_old: int = 0
    """Contacts of which some batches are not kept any more: they can't be rebuilt."""
    behind: int = 0
    """Contacts that a new model has not come to yet: they are not compared."""
    repaired: int = 0
    unrepaired: int = 0
    """Differing contacts that were left as they are."""
    problems: list[str] = []
    """Of batches: missing ones, records that no longer decode."""

    def differs(self, found: list[Difference]) -> None:
        """One contact."""
        self.differing += 1
        self.differences += found[: DIFFERENCES_MAX - len(self.differences)]

    def problem(self, text: str) -> None:
        if len(self.problems) < DIFFERENCES_MAX:
            self.problems.append(text)

    @property
    def is_equal(self) -> bool:
        return not self.differing and not self.problems
