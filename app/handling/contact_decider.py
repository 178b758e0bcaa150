"""The contact lane's decider, wired to the tables it loads from."""

from collections.abc import Callable, Sequence

from app.domain.model import Rules
from app.failpoints import Failpoint, hit
from app.handling.decider import Decider
from app.handling.parts import Lent, Parts
from app.handling.records import Decoder, Encoder
from app.storage import contacts
from app.storage.rows import StoredContact


def contact_decider(
    decode: Decoder, encoder: Encoder, rules: Rules
) -> Callable[[Parts, Lent], Decider]:
    """What `Parts.decider` is in the contact lane."""

    def make(parts: Parts, lent: Lent) -> Decider:
        async def load(keys: Sequence[tuple[int, str, str]]) -> list[StoredContact]:
            hit(Failpoint.LOAD_BEFORE_CONTACTS)
            return await contacts.load(lent.connection, keys)

        async def load_sealed(partition: int, tenant: str, contact_id: str) -> list[bytes]:
            # Chunks sealed by a batch that is still on its way are not in the table yet.
            await lent.applied_so_far()
            hit(Failpoint.LOAD_BEFORE_SEALED)
            return await contacts.load_sealed(lent.connection, partition, tenant, contact_id)

        return Decider(parts, decode, encoder, rules, lent.cache, load, load_sealed, lent.rejected)

    return make
