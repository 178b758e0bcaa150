"""One question to a broker, without a client: do you serve?"""

import asyncio
import struct
from contextlib import suppress

from app.runtime.embedded.ports import HOST


async def serves_a_broker(port: int) -> bool:
    """Does Metadata list a broker? Before that the port answers, but no topic can be made."""
    request = struct.pack(">hhihi?", 3, 4, 1, -1, 0, False)  # Metadata v4, of no topic
    try:
        reader, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    try:
        writer.write(struct.pack(">i", len(request)) + request)
        size = struct.unpack(">i", await reader.readexactly(4))[0]
        answer = await reader.readexactly(size)
    except (OSError, asyncio.IncompleteReadError):
        return False
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    brokers: int = struct.unpack_from(">i", answer, 8)[0]  # after correlation id and throttle time
    return brokers > 0
