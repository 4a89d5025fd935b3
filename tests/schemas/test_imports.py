"""Only FHIR R4B is ever imported, and only where FHIR is read: the package's root is another version of FHIR."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("schemas", "certs", "transport", "broker", "connectors", "lienvien", "tests", "scripts", ".ci")


def sources() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Every module an import names, and every string handed to ``import_module`` or ``__import__``."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            if name in ("import_module", "__import__"):
                yield from (str(arg.value) for arg in node.args if isinstance(arg, ast.Constant))


def foreign(names: Iterator[str]) -> list[str]:
    fhir = [name for name in names if name == "fhir" or name.startswith("fhir.")]
    return [name for name in fhir if not name.startswith("fhir.resources.R4B.")]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_only_r4b_is_imported(path: Path) -> None:
    assert foreign(imported(path)) == []


@pytest.mark.parametrize("package", ["schemas", "certs", "transport", "broker", "lienvien"])
def test_fhir_classes_stay_with_the_connectors(package: str) -> None:
    for path in (ROOT / package).rglob("*.py"):
        assert not any(name.startswith("fhir") for name in imported(path)), path


@pytest.mark.parametrize(
    "text",
    [
        "from fhir.resources.bundle import Bundle",
        "import fhir.resources",
        "import fhir.resources.patient as p",
        "from fhir import resources",
        "from fhir.resources import get_fhir_model_class",
        "from fhir.resources.STU3.bundle import Bundle",
        "import importlib; importlib.import_module('fhir.resources.bundle')",
        "__import__('fhir.resources')",
    ],
)
def test_the_test_can_fail(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text(text)
    assert foreign(imported(path))


def test_what_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text("from fhir.resources.R4B.bundle import Bundle\nimport fhirclient\nfrom .fhir import x\n")
    assert foreign(imported(path)) == []
