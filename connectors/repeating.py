"""Sending a message once more, because a person wants the exchange's answer again: the same sealed bytes."""

import sqlite3

from connectors.actions import ActionError, find_transfer
from connectors.site import Site
from connectors.store import outbox_rows
from connectors.store.outbox_rows import OutRow

_GONE = ActionError(
    "nothing-to-repeat",
    "Không còn bản đã niêm phong nào của ca này để gửi lại.",
    "No sealed copy of this case is left to send again.",
)


async def repeat(site: Site, word: str) -> list[OutRow]:
    """The latest message of a case goes out again; the exchange answers from its store. Raises ActionError."""

    def question(c: sqlite3.Connection) -> list[OutRow]:
        row = find_transfer(c, word, site.facility, None)
        sent = outbox_rows.rows_of_transfer(c, row.transfer_id)
        again = [message for message in sent[-1:] if outbox_rows.send_again(c, message.seq)]
        if not again:
            raise _GONE
        return again

    found = await site.store.write(question)
    site.wakes.send.set()
    return found
