"""Who was erased: asked before anything is known, stored or forwarded of a contact."""

from collections.abc import Collection

import asyncpg

from app.failpoints import Failpoint, hit
from app.storage.erasure import digest_of, erased_among, read_secret


class Register:
    """The table `erased`, by routing keys. Asked anew each time: others write it, too."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._secret = b""

    async def digest(self, key: str) -> bytes:
        """What is kept of a routing key. Raises Unavailable, as `erased_among`."""
        if not self._secret:
            hit(Failpoint.LOAD_BEFORE_ERASED)
            self._secret = await read_secret(self._connection)
        return digest_of(self._secret, key)

    async def erased_among(self, keys: Collection[str]) -> set[str]:
        """Those of these contacts that were erased."""
        if not keys:
            return set()
        await self.digest("")
        digests = {digest_of(self._secret, key): key for key in keys}
        hit(Failpoint.LOAD_BEFORE_ERASED)
        found = await erased_among(self._connection, list(digests))
        return {digests[digest] for digest in found}
