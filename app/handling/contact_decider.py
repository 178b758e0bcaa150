"""The contact lane's decider, wired to the tables it loads from."""

from collections.abc import Callable, Sequence

from app.domain.erasure import ERASED
from app.domain.model import Rules
from app.domain.routing import routing_key
from app.failpoints import Failpoint, hit
from app.handling.decider import Decider
from app.handling.library import Library
from app.handling.parts import Lent, Parts
from app.handling.records import Decoder, Encoder
from app.handling.register import Register
from app.storage import contacts
from app.storage.rows import StoredContact


def contact_decider(
    decode: Decoder, encoder: Encoder, library: Library
) -> Callable[[Parts, Lent], Decider]:
    """What `Parts.decider` is in the contact lane."""

    def make(parts: Parts, lent: Lent) -> Decider:
        register = Register(lent.connection)

        async def load(keys: Sequence[tuple[int, str, str]]) -> list[StoredContact]:
            hit(Failpoint.LOAD_BEFORE_CONTACTS)
            found = await contacts.load(lent.connection, keys)
            known = {(row.partition, row.tenant, row.contact_id) for row in found}
            unknown = {routing_key(*key[1:]): key for key in keys if key not in known}
            gone = await register.erased_among(unknown)
            return found + [StoredContact(*unknown[name], 0, ERASED, 0, b"", b"") for name in gone]

        async def load_sealed(partition: int, tenant: str, contact_id: str) -> list[bytes]:
            # Chunks sealed by a batch that is still on its way are not in the table yet.
            await lent.applied_so_far()
            hit(Failpoint.LOAD_BEFORE_SEALED)
            return await contacts.load_sealed(lent.connection, partition, tenant, contact_id)

        async def find_model(content_hash: str) -> Rules | None:
            return await library.rules(lent.connection, content_hash)

        return Decider(
            parts,
            decode,
            encoder,
            library.default,
            lent.cache,
            load,
            load_sealed,
            register,
            lent.rejected,
            find_model,
        )

    return make
