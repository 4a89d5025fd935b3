"""The judge stands on its own: nothing of the product, none of its libraries for tokens and Kafka."""

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PRODUCT = {"schemas", "certs", "transport", "broker", "connectors", "lienvien"}
ITS_LIBRARIES = {"joserfc", "aiokafka", "kafka", "sqlalchemy", "pydantic", "orjson"}


def imported(source: str) -> set[str]:
    """The top names of all imports, also of those made by name; of tests, the package under it."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {_top(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(_top(node.module or "") if node.level == 0 else "relative")
        elif isinstance(node, ast.Call):
            word = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if word in ("import_module", "__import__"):
                found.add("by name")
    return found


def _top(name: str) -> str:
    parts = name.split(".")
    return ".".join(parts[:2]) if parts[0] == "tests" else parts[0]


@pytest.mark.parametrize("path", sorted(HERE.rglob("*.py")), ids=lambda path: path.name)
def test_nothing_of_the_product(path: Path) -> None:
    found = imported(path.read_text("utf-8"))
    assert not found & (PRODUCT | ITS_LIBRARIES | {"relative", "by name"})
    assert {name for name in found if name.startswith("tests")} <= {"tests.judge"}


@pytest.mark.parametrize(
    "source",
    ["import certs.keys", "from schemas import ids", "from tests.process import world", "__import__('broker')"],
)
def test_the_test_can_fail(source: str) -> None:
    found = imported(source)
    assert found & (PRODUCT | {"by name", "tests.process"})
