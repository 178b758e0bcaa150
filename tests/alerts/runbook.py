"""A runbook's commands, as its page has them: a test runs what an operator reads.

Words in capitals are what the operator fills in.
"""

import re
from pathlib import Path
from typing import Final

RUNBOOKS: Final = Path(__file__).parents[2] / "deploy" / "runbooks"
_CODE: Final = re.compile(r"```\w*\n(.*?)```|`([^`]+)`", re.DOTALL)


class Runbook:
    def __init__(self, name: str) -> None:
        self._name = name
        self._page = (RUNBOOKS / f"{name}.md").read_text()

    def command(self, beginning: str, **filled_in: str) -> str:
        """The first code of the page that begins so, with what is to be filled in."""
        for found in _CODE.finditer(self._page):
            code = " ".join((found[1] or found[2]).split())
            if code.startswith(beginning):
                return self._filled(code, filled_in)
        raise AssertionError(f"deploy/runbooks/{self._name}.md has no command `{beginning} …`")

    def says(self, words: str) -> None:
        """A step that is no command, in the page's own words."""
        text = " ".join(self._page.split())
        assert words in text, f"deploy/runbooks/{self._name}.md does not say: {words}"

    def _filled(self, code: str, filled_in: dict[str, str]) -> str:
        for word, value in filled_in.items():
            before, *after = re.split(rf"\b{re.escape(word)}\b", code)
            assert after, f"deploy/runbooks/{self._name}.md: `{code}` has no {word}"
            code = value.join([before, *after])
        return code
