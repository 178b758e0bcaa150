"""Signing secrets: made, shown once, and kept so that a reader of the database does not have them.

Sealed by AES-256-GCM, bound to their webhook, where FUNNEL_WEBHOOKS__SECRET_KEY is set; a byte says
how, so that secrets of before the key was set still open. Of several keys the first seals.
"""

import os
from base64 import b64encode
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32
_PLAIN, _SEALED = b"\x00", b"\x01"
_NONCE_BYTES: Final = 12


class SecretUnreadable(Exception):
    """It was sealed with a key that is not set here."""


class Vault:
    def __init__(self, keys: Sequence[bytes]) -> None:
        """`keys`: of 32 bytes; none: secrets are stored plain."""
        self._ciphers = [AESGCM(key) for key in keys]

    def seal(self, webhook_id: UUID, secret: str) -> bytes:
        if not self._ciphers:
            return _PLAIN + secret.encode()
        nonce = os.urandom(_NONCE_BYTES)
        return _SEALED + nonce + self._ciphers[0].encrypt(nonce, secret.encode(), webhook_id.bytes)

    def open(self, webhook_id: UUID, stored: bytes) -> str:
        """Raises SecretUnreadable."""
        kind, body = stored[:1], stored[1:]
        if kind == _PLAIN:
            return body.decode()
        nonce, sealed = body[:_NONCE_BYTES], body[_NONCE_BYTES:]
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(nonce, sealed, webhook_id.bytes).decode()
            except InvalidTag:
                continue
        raise SecretUnreadable("no key of FUNNEL_WEBHOOKS__SECRET_KEY opens a webhook's secret")


def make_secret() -> str:
    """As Standard Webhooks has them."""
    return PREFIX + b64encode(os.urandom(SECRET_BYTES)).decode()
