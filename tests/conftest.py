"""Fixtures that several packages share, and what must be fetched before the first clock runs."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

from tests.fixtures_kafka import kafka
from tests.fixtures_postgresql import postgresql, postgresql_url
from transport.local_kafka import JarsUnavailableError, cache_folder, ensure_jars
from transport.local_postgresql import PostgresqlUnavailableError, ensure_programs

__all__ = ["kafka", "postgresql", "postgresql_url"]

# here, before any test module is imported: further down it would hold for those alone that are collected later
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


WORLDS_WITHIN: Final = 0.6  # of the other files; what takes longest must not be left for the end


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that start a whole world wait much and need both processors at times: they are spread among the others."""
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    worlds = [file for file in files if file.parent.name == "process"]
    ordered = [file for file in files if file not in worlds]
    step = int(len(ordered) * WORLDS_WITHIN / max(1, len(worlds)))
    for place, file in enumerate(worlds):
        ordered.insert(place * (step + 1), file)
    items[:] = [item for file in ordered for item in files[file]]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Download and install now: a test's time limit also counts its fixtures, and a slow line is no failure."""
    if session.config.option.collectonly:
        return
    wanted = {name for item in session.items if isinstance(item, pytest.Function) for name in item.fixturenames}
    with _one_at_a_time(cache_folder()):
        if "kafka" in wanted:
            with contextlib.suppress(JarsUnavailableError):  # the fixture says what is missing
                ensure_jars(cache_folder())
        if "postgresql" in wanted:
            with contextlib.suppress(PostgresqlUnavailableError):
                ensure_programs()


@contextlib.contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Of several test processes one installs, and the others find it done."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "tests.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
