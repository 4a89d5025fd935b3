"""Logs as in production: an unconfigured logger would print the values of every variable of a traceback."""

import pytest
import structlog

from transport.logs import configure_logging


@pytest.fixture(autouse=True, scope="session")
def _production_logs() -> None:
    configure_logging("connector", "error")
    structlog.configure(cache_logger_on_first_use=False)
