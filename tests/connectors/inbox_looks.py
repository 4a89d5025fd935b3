"""Looks into what the inbox caused."""

import sqlite3
from typing import Any

from connectors.store import alarms
from tests.certs.pki import BAC_GIANG, BACH_MAI
from tests.connectors.bundles import make_bundle
from tests.connectors.site_world import World


async def count(world: World, table: str) -> int:
    def question(c: sqlite3.Connection) -> int:
        return int(c.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    return await world.database.read(question)


async def open_codes(world: World) -> set[str]:
    return {alarm.code for alarm in await world.database.read(alarms.open_alarms)}


def send(world: World, **changes: Any) -> dict[str, Any]:
    bundle = make_bundle(BAC_GIANG, BACH_MAI, **changes)
    world.exchange.envelope(BAC_GIANG, BACH_MAI, bundle)
    return bundle
