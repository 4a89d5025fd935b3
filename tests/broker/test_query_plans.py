"""SQLite answers the relay's questions from the indexes made for them: a long queue costs no more than a short one."""

import sqlite3

import pytest
from sqlalchemy import TextClause
from sqlalchemy.dialects.sqlite import dialect
from sqlalchemy.schema import CreateIndex, CreateTable

from broker.store import numbering, tables

GIVEN = {"lanes": "[1, 2]", "busy": "[]"}


@pytest.fixture(scope="module", params=[False, True], ids=["indexes-by-name", "indexes-by-name-reversed"])
def database(request: pytest.FixtureRequest) -> sqlite3.Connection:
    """The order in which indexes were made decides between plans that look alike to SQLite: both ends are tried."""
    connection = sqlite3.connect(":memory:")
    for table in tables.metadata.sorted_tables:
        connection.execute(str(CreateTable(table).compile(dialect=dialect())))
        for index in sorted(table.indexes, key=lambda index: str(index.name), reverse=request.param):
            connection.execute(str(CreateIndex(index).compile(dialect=dialect())))
    return connection


@pytest.mark.parametrize(
    ("statement", "wanted"),
    [
        (numbering._WAITING_SQLITE, "USING INDEX outbox_waiting (lane=? AND destination=? AND priority_rank=?)"),
        (numbering._AGAIN_SQLITE, "USING INDEX outbox_resend (lane=? AND destination=?)"),
        (numbering._WORK_SQLITE, "USING INDEX outbox_waiting (lane=?)"),
    ],
    ids=["waiting", "again", "work"],
)
def test_the_relay_never_sorts_a_queue_nor_reads_all_that_was_sent(
    database: sqlite3.Connection, statement: TextClause, wanted: str
) -> None:
    steps = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {statement}", GIVEN)]
    assert any(wanted in step for step in steps)
    assert not [step for step in steps if step.startswith("SCAN outbox") or "SCAN o " in step or "SCAN i" in step]
    assert not [step for step in steps if "outbox_number" in step]
