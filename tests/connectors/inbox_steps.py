"""Running the inbox until everything there is was taken in."""

import asyncio
import contextlib

from connectors.inbox import Inbox
from tests.connectors.site_world import World, until


async def read_all(world: World) -> None:
    """Everything the exchange has put into the inbox so far, with all that reading it causes.

    A position in the database is not enough: what follows a commit (keys taken up, others woken) is done when the inbox
    asks for more and there is nothing.
    """
    world.inbox.emptied_at = None
    task = asyncio.create_task(Inbox(world.site, world.inbox).run())

    async def done() -> bool:
        if task.done():
            task.result()
        return (world.inbox.emptied_at or 0) >= len(world.exchange.inboxes[world.code])

    try:
        await until(done)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
