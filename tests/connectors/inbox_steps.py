"""Running the inbox until everything there is was taken in."""

import asyncio
import contextlib

from connectors.inbox import Inbox
from connectors.store import meta
from tests.connectors.site_world import World, until


async def read_all(world: World) -> None:
    """Everything the exchange has put into the inbox so far."""
    task = asyncio.create_task(Inbox(world.site, world.inbox).run())

    async def done() -> bool:
        if task.done():
            task.result()
        position = await world.database.read(lambda c: meta.position(c, world.inbox.topic))
        return (position.next_offset if position else 0) >= len(world.exchange.inboxes[world.code])

    try:
        await until(done)
        await asyncio.sleep(0.01)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
