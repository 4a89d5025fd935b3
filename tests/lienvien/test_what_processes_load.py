"""A process holds in memory only what it has a use for; for the rest every hospital's computer would pay."""

import subprocess
import sys

import pytest

LOADED = "import sys; import {module}; print(' '.join({{name.split('.')[0] for name in sys.modules}}))"


def _loaded(module: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", LOADED.format(module=module)], capture_output=True, check=True)
    return set(done.stdout.decode().split())


@pytest.mark.parametrize(
    ("module", "wanted", "useless"),
    [
        ("lienvien.connector_process", "connectors", {"broker", "sqlalchemy", "fastapi", "alembic", "fhir", "typst"}),
        (
            "lienvien.exchange_process",
            "broker",
            {"connectors", "fastapi", "uvicorn", "alembic", "jinja2", "fhir", "lxml"},
        ),
    ],
)
def test_nothing_is_loaded_in_vain(module: str, wanted: str, useless: set[str]) -> None:
    loaded = _loaded(module)
    assert wanted in loaded
    assert loaded & useless == set()
