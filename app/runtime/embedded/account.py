"""PostgreSQL refuses to run as root: then it runs as an account without rights.

No account is made: `pgserver` or `postgres` where one of them exists, else `nobody`. That account
must be able to reach what it runs and writes, which below a private home directory it can't;
`reaches` asks, and the caller uses another place.
"""

import os
import pwd
import subprocess
from pathlib import Path
from typing import NamedTuple

from app.errors import SetupError

NAMES = ("pgserver", "postgres", "nobody")


class Account(NamedTuple):
    uid: int
    gid: int

    def reaches(self, path: Path) -> bool:
        """May this account read `path` and every directory above it?"""
        answer = subprocess.run(  # noqa: S603
            ["/usr/bin/env", "test", "-r", path], user=self.uid, group=self.gid, extra_groups=[]
        )
        return answer.returncode == 0


def server_account() -> Account | None:
    """Who PostgreSQL runs as; None: as we are, which is not root."""
    if os.geteuid() != 0:
        return None
    for name in NAMES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise SetupError(
        f"PostgreSQL does not run as root and none of the accounts {', '.join(NAMES)} exists: "
        "start as another user, or add one of them"
    )
