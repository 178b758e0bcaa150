"""How every connection reaches PostgreSQL and logs on.

Asked anew for each connection, so certificates and passwords that were changed in their files are
used from the next connection on.
"""

import ssl
from typing import Any

from app.errors import Unavailable
from app.settings import Database


def database_access(database: Database) -> dict[str, Any]:
    """Arguments of asyncpg's `connect`. Raises Unavailable: a certificate can't be read now."""
    access: dict[str, Any] = {
        "dsn": database.url.get_secret_value(),
        "timeout": database.connect_timeout_seconds,
    }
    if password := database.password.get_secret_value():
        access["password"] = password
    if database.sslmode == "verify-full":
        access["ssl"] = _context(database)
    return access


def _context(database: Database) -> ssl.SSLContext:
    """The server must prove the name by which it is asked."""
    try:
        context = ssl.create_default_context(cafile=database.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if database.certificate_file is not None:
            context.load_cert_chain(database.certificate_file, database.key_file)
    except OSError as failed:  # SSLError is one: what the file holds is no certificate
        raise Unavailable(f"a certificate for PostgreSQL can't be read: {failed}") from failed
    return context
