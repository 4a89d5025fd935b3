"""Many rows in one statement: a turn of two hundred records must not cost two hundred round trips.

PostgreSQL gets the rows as one JSON text that it turns into a table itself, which is quicker on both sides than arrays
or repeated statements; SQLite, which is in this process, gets them one by one. Statements are built once per table and
set of columns. Only names from ``tables`` stand in them; values are bound.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import orjson
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    Integer,
    LargeBinary,
    Table,
    Text,
    TextClause,
    any_,
    bindparam,
    func,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection

Row = Mapping[str, Any]

_POSTGRESQL: Final = "postgresql"
_TYPES: Final = ((Boolean, "boolean"), (BigInteger, "bigint"), (Integer, "integer"))


async def insert(connection: AsyncConnection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows that all have the same columns, in their order."""
    if rows:
        await _run(connection, _insert(table, tuple(rows[0]), connection.dialect.name), table, rows)


async def insert_new(connection: AsyncConnection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows whose key is not there yet; the others are left as they are."""
    if rows:
        await _run(connection, _insert(table, tuple(rows[0]), connection.dialect.name, "NOTHING"), table, rows)


async def upsert(connection: AsyncConnection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows, or replace their columns where the primary key is there already. No key may occur twice."""
    if rows:
        await _run(connection, _insert(table, tuple(rows[0]), connection.dialect.name, "UPDATE"), table, rows)


async def update(
    connection: AsyncConnection, table: Table, keys: Sequence[str], rows: Sequence[Row], *, only: str = ""
) -> int:
    """Set the columns of rows found by ``keys``; returns how many rows there were. No key may occur twice.

    ``only`` is a further condition on the table's columns; ``{new}name`` in it is the given row's value.
    """
    if not rows:
        return 0
    statement = _update(table, tuple(rows[0]), tuple(keys), connection.dialect.name, only)
    return await _run(connection, statement, table, rows)


async def delete(connection: AsyncConnection, table: Table, rows: Sequence[Row]) -> int:
    """Delete the rows that equal the given ones in the given columns; returns how many there were."""
    if not rows:
        return 0
    return await _run(connection, _delete(table, tuple(rows[0]), connection.dialect.name), table, rows)


def among(connection: AsyncConnection, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """``column IN (…)`` for the list bound as ``name`` by ``listed``; the statement's text never changes."""
    if connection.dialect.name == _POSTGRESQL:
        return column == any_(bindparam(name, type_=ARRAY(Text)))
    return column.in_(select(func.json_each(bindparam(name)).table_valued("value").c.value))


def listed(connection: AsyncConnection, values: Collection[str]) -> Any:
    """The values as ``among`` takes them."""
    return list(values) if connection.dialect.name == _POSTGRESQL else orjson.dumps(list(values)).decode()


def among_numbers(connection: AsyncConnection, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """As ``among``, for whole numbers bound by ``listed_numbers``."""
    if connection.dialect.name == _POSTGRESQL:
        return column == any_(bindparam(name, type_=ARRAY(BigInteger)))
    return column.in_(select(func.json_each(bindparam(name)).table_valued("value").c.value))


def listed_numbers(connection: AsyncConnection, values: Collection[int]) -> Any:
    """The values as ``among_numbers`` takes them."""
    return list(values) if connection.dialect.name == _POSTGRESQL else orjson.dumps(list(values)).decode()


async def _run(connection: AsyncConnection, statement: TextClause, table: Table, rows: Sequence[Row]) -> int:
    if connection.dialect.name == _POSTGRESQL:
        result = await connection.execute(statement, {"rows": _as_json(table, rows)})
    else:
        result = await connection.execute(statement, list(rows))
    return result.rowcount


def _as_json(table: Table, rows: Sequence[Row]) -> str:
    binary = [name for name in rows[0] if isinstance(table.c[name].type, LargeBinary)]
    if binary:
        rows = [{**row, **{name: row[name].hex() for name in binary}} for row in rows]
    return orjson.dumps(rows).decode()


@lru_cache(maxsize=256)
def _insert(table: Table, columns: tuple[str, ...], dialect: str, conflict: str = "") -> TextClause:
    names = ", ".join(map(_quoted, columns))
    if dialect == _POSTGRESQL:
        values = ", ".join(_value(table, name) for name in columns)
        source = f"SELECT {values} FROM {_recordset(table, columns)}"  # noqa: S608  names from tables.py only
    else:
        source = f"VALUES ({', '.join(f':{name}' for name in columns)})"
    return text(f"INSERT INTO {table.name} ({names}) {source}{_on_conflict(table, columns, conflict)}")


def _on_conflict(table: Table, columns: tuple[str, ...], conflict: str) -> str:
    if not conflict:
        return ""
    keys = [column.name for column in table.primary_key]
    rest = [name for name in columns if name not in keys]
    if conflict == "NOTHING" or not rest:
        return f" ON CONFLICT ({', '.join(map(_quoted, keys))}) DO NOTHING"
    assignments = ", ".join(f"{_quoted(name)} = excluded.{_quoted(name)}" for name in rest)
    return f" ON CONFLICT ({', '.join(map(_quoted, keys))}) DO UPDATE SET {assignments}"


@lru_cache(maxsize=256)
def _update(table: Table, columns: tuple[str, ...], keys: tuple[str, ...], dialect: str, only: str) -> TextClause:
    rest = [name for name in columns if name not in keys]
    also = f" AND {only.format(new='r.' if dialect == _POSTGRESQL else ':')}" if only else ""
    if dialect == _POSTGRESQL:
        assignments = ", ".join(f"{_quoted(name)} = {_value(table, name)}" for name in rest)
        found = " AND ".join(f"{table.name}.{_quoted(name)} = r.{_quoted(name)}" for name in keys)
        return text(f"UPDATE {table.name} SET {assignments} FROM {_recordset(table, columns)} WHERE {found}{also}")  # noqa: S608
    assignments = ", ".join(f"{_quoted(name)} = :{name}" for name in rest)
    found = " AND ".join(f"{_quoted(name)} = :{name}" for name in keys)
    return text(f"UPDATE {table.name} SET {assignments} WHERE {found}{also}")  # noqa: S608


@lru_cache(maxsize=64)
def _delete(table: Table, columns: tuple[str, ...], dialect: str) -> TextClause:
    if dialect == _POSTGRESQL:
        found = " AND ".join(f"{table.name}.{_quoted(name)} = r.{_quoted(name)}" for name in columns)
        return text(f"DELETE FROM {table.name} USING {_recordset(table, columns)} WHERE {found}")  # noqa: S608
    found = " AND ".join(f"{_quoted(name)} = :{name}" for name in columns)
    return text(f"DELETE FROM {table.name} WHERE {found}")  # noqa: S608


def _recordset(table: Table, columns: tuple[str, ...]) -> str:
    """The bound rows as a table ``r``; its rows come in the order of the list."""
    declared = ", ".join(f"{_quoted(name)} {_type(table, name)}" for name in columns)
    return f"json_to_recordset(CAST(:rows AS json)) AS r({declared})"


def _type(table: Table, name: str) -> str:
    kind = table.c[name].type
    return next((sql for type_, sql in _TYPES if isinstance(kind, type_)), "text")


def _value(table: Table, name: str) -> str:
    if isinstance(table.c[name].type, LargeBinary):
        return f"decode(r.{_quoted(name)}, 'hex')"
    return f"r.{_quoted(name)}"


def _quoted(name: str) -> str:
    """``offset`` and ``partition`` are words of SQL."""
    return f'"{name}"'
