"""The steps lead to exactly the tables that the program uses, on both databases."""

import ast
from pathlib import Path
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

import broker.store
from broker.store import tables
from broker.store.engine import Database
from broker.store.migrating import HEAD, migrate

FOLDER = Path(broker.store.__file__).with_name("migrations")


async def test_the_steps_end_at_the_tables_of_the_program(tmp_path: Path, database_url: str) -> None:
    database = Database(database_url or f"sqlite:///{tmp_path / 'exchange.sqlite'}")
    await migrate(database)

    def differences(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": False})
        return list(compare_metadata(context, tables.metadata))

    def partial_indexes(connection: Connection) -> dict[str, bool]:
        found = {}
        for table in tables.metadata.sorted_tables:
            for index in inspect(connection).get_indexes(table.name):
                options = index.get("dialect_options", {})
                found[str(index["name"])] = any(name.endswith("_where") for name in options)
        return found

    async with database.read() as connection:
        assert await connection.run_sync(differences) == []
        there = await connection.run_sync(partial_indexes)
    wanted = {
        str(index.name): index.dialect_options["postgresql"].get("where") is not None
        for table in tables.metadata.sorted_tables
        for index in table.indexes
    }
    assert wanted.items() <= there.items()
    await database.close()


def test_the_head_that_workers_look_for_is_the_newest_step() -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_no_step_depends_on_the_tables_of_today() -> None:
    for step in (FOLDER / "versions").glob("0*.py"):
        imported = {
            node.module for node in ast.walk(ast.parse(step.read_text("utf-8"))) if isinstance(node, ast.ImportFrom)
        }
        assert not [name for name in imported if name and name.startswith("broker")]


def test_no_column_is_named_after_content() -> None:
    names = {column.name for table in tables.metadata.sorted_tables for column in table.columns}
    assert not names & {"payload", "bundle", "content", "patient", "value", "body", "envelope"} - {"value"}
    assert [table.name for table in tables.metadata.sorted_tables if "value" in table.c] == ["counter"]
