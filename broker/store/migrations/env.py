"""Alembic's entry: runs the steps on the connection that ``broker.store.migrating`` hands over."""

from alembic import context

from broker.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=False)
context.run_migrations()
