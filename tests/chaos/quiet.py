"""What is still pending anywhere, asked of the databases themselves."""

import asyncio
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

import psycopg

from tests.chaos.stage import Stage

LOOK_EVERY_S: Final = 1.0
_OF_A_CONNECTOR: Final = {
    "unsent": "SELECT count(*) FROM outbox WHERE state IN ('waiting-person', 'waiting-key', 'ready', 'sent', 'held')",
    "undelivered": "SELECT count(*) FROM outbox WHERE state = 'accepted' AND delivered_at IS NULL",
    "hand-over": "SELECT count(*) FROM handover WHERE state = 'waiting'",
    "acks": "SELECT (SELECT count(*) FROM ack_due WHERE token_id IS NULL)"
    " + (SELECT count(*) FROM ack_token WHERE sent_at IS NULL)",
    "missing": "SELECT count(*) FROM missing_range",
}
_OF_THE_EXCHANGE: Final = {
    "unnumbered": "SELECT count(*) FROM outbox WHERE delivery_seq IS NULL OR resend",
    "unpublished": "SELECT count(*) FROM inbox_counter WHERE published_through < next_seq - 1",
    "held": "SELECT count(*) FROM held",
    "audit": "SELECT count(*) FROM audit_entry WHERE log_index IS NULL",
    "lanes": "SELECT count(*) FROM lane WHERE owner IS NULL",
}


async def settled(stage: Stage, slips: Mapping[str, set[str]], patience_s: float) -> dict[str, int]:
    """Waits until nothing is pending, twice in a row; what is pending after ``patience_s`` seconds."""
    loop = asyncio.get_running_loop()
    give_up = loop.time() + patience_s
    quiet_before = False
    while True:
        left = await asyncio.to_thread(pending, stage, slips)
        if (not left and quiet_before) or loop.time() > give_up:
            return left
        quiet_before = not left
        await asyncio.sleep(LOOK_EVERY_S)


def pending(stage: Stage, slips: Mapping[str, set[str]]) -> dict[str, int]:
    """What is left to do, by whom and what; empty when nothing is."""
    found: dict[str, int] = {}
    for code in stage.facilities:
        try:
            found |= _of_connector(stage.database_of(code), code, slips.get(code, set()))
        except sqlite3.Error as error:
            found[f"{code} {type(error).__name__}"] = 1
    try:
        with psycopg.connect(stage.database_url, connect_timeout=5) as connection:
            for what, question in _OF_THE_EXCHANGE.items():
                row = connection.execute(question.encode()).fetchone()
                found[f"exchange {what}"] = int(row[0]) if row else 1
    except psycopg.Error as error:
        found[f"exchange {type(error).__name__}"] = 1
    return {what: count for what, count in found.items() if count}


def _of_connector(database: Path, code: str, slips: set[str]) -> dict[str, int]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5)) as connection:
        found = {f"{code} {what}": int(connection.execute(question).fetchone()[0])
                 for what, question in _OF_A_CONNECTOR.items()}  # fmt: skip
        taken = {row[0] for row in connection.execute("SELECT slip_number FROM transfer WHERE sender = ?", (code,))}
    found[f"{code} not taken in"] = len(slips - taken)
    return found
