"""Numbers of the exchange that only grow: epoch, generation, version of the register."""

from typing import Final

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from broker.store import bulk, tables

EPOCH: Final = "epoch"
GENERATION: Final = "generation"  # raised by every restore of the exchange
REGISTER_VERSION: Final = "register-version"

_FIRST: Final = {EPOCH: 0, GENERATION: 1, REGISTER_VERSION: 0}


async def ensure(connection: AsyncConnection) -> None:
    """Make the counters of a new database."""
    await bulk.insert_new(
        connection, tables.counter, [{"name": name, "value": value} for name, value in _FIRST.items()]
    )


async def value_of(connection: AsyncConnection, name: str) -> int:
    """A counter's value."""
    counter = tables.counter.c
    value: int = (await connection.execute(select(counter.value).where(counter.name == name))).scalar_one()
    return value


async def raise_by_one(connection: AsyncConnection, name: str) -> int:
    """Raise a counter; returns the new value. Its row is locked until the transaction ends."""
    counter = tables.counter
    statement = update(counter).where(counter.c.name == name).values(value=counter.c.value + 1)
    value: int = (await connection.execute(statement.returning(counter.c.value))).scalar_one()
    return value
