"""What pages and status ask the database: read only, and the one place where a facility is kept to its own cases.

``questions``  the questions, each one short connection
``views``      the answers: typed facts, without content of any message
``rows``       from database rows to views
``gathering``  what belongs to a row but stands in other tables
"""

from broker.queries.questions import Queries

__all__ = ["Queries"]
