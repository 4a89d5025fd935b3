"""Places at which a process under test dies: each in the code once, off by default, refused in production."""

import json
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from transport import failpoints

ROOT = Path(__file__).parents[2]
DISARMED = """
import os, sys
from transport import failpoints
failpoints.arm("test")
failpoints.hit("ack.after-send")
os.unlink(os.path.join(os.environ[failpoints.FOLDER_VARIABLE], failpoints.ARMED))
failpoints.hit(sys.argv[1])
print("alive")
"""
PASSES = """
import sys
from transport import failpoints
failpoints.arm("test")
for name in sys.argv[1:]:
    failpoints.hit(name)
print("alive")
"""
NAME, OTHER = "outbox.after-send", "outbox.before-send"


@pytest.fixture(autouse=True)
def _nothing_armed_afterwards() -> Iterator[None]:
    yield
    failpoints.arm("test", {})


def _run(folder: Path, *names: str, asked: str = "", program: str = PASSES) -> subprocess.CompletedProcess[bytes]:
    environment = {"PYTHONPATH": str(ROOT), failpoints.FOLDER_VARIABLE: str(folder), failpoints.VARIABLE: asked}
    return subprocess.run([sys.executable, "-c", program, *names], capture_output=True, env=environment, check=False)


def test_every_name_stands_at_exactly_one_place_in_the_code() -> None:
    code = [path.read_text("utf-8") for package in ("broker", "connectors", "lienvien")
            for path in (ROOT / package).rglob("*.py")]  # fmt: skip
    places = Counter(name for text in code for name in re.findall(r'failpoints\.hit\(\s*"([^"]+)"', text))
    assert places == Counter(failpoints.NAMES)
    assert sum(text.count("failpoints.hit(") for text in code) == len(failpoints.NAMES)  # none by a variable


def test_nothing_happens_unless_armed() -> None:
    failpoints.arm("production", {})
    failpoints.hit(NAME)


@pytest.mark.parametrize("variable", [failpoints.VARIABLE, failpoints.FOLDER_VARIABLE])
def test_production_refuses_with_a_sentence(variable: str) -> None:
    with pytest.raises(failpoints.FailpointsRefusedError, match=r"production; .* / .*production mode"):
        failpoints.arm("production", {variable: f"{NAME}:1"})


@pytest.mark.parametrize("text", ["outbox.nowhere:1", f"{NAME}:0", f"{NAME}:x", f"{NAME}:-1"])
def test_what_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(failpoints.FailpointsRefusedError, match="no such failpoint"):
        failpoints.arm("test", {failpoints.VARIABLE: text})


def test_it_dies_as_by_kill_at_the_nth_passage_and_leaves_a_line(tmp_path: Path) -> None:
    assert _run(tmp_path, NAME, OTHER, asked=f"{NAME}:2").stdout == b"alive\n"
    assert _run(tmp_path, NAME, OTHER, NAME, asked=f"{NAME}:2").returncode == -signal.SIGKILL
    assert [json.loads(line)["name"] for line in (tmp_path / failpoints.HITS).read_text().splitlines()] == [NAME]


def test_one_death_of_a_name_is_enough(tmp_path: Path) -> None:
    asked = f"{NAME}:1,{OTHER}:1"
    assert _run(tmp_path, NAME, asked=asked).returncode == -signal.SIGKILL
    assert _run(tmp_path, NAME, asked=asked).stdout == b"alive\n"
    assert _run(tmp_path, NAME, OTHER, asked=asked).returncode == -signal.SIGKILL
    assert failpoints.died_at(tmp_path) == [NAME, OTHER]


def test_a_running_process_is_armed_by_a_file_that_its_death_takes_away(tmp_path: Path) -> None:
    (tmp_path / failpoints.ARMED).write_text(f"{NAME}:2")
    assert _run(tmp_path, OTHER, NAME).stdout == b"alive\n"
    assert _run(tmp_path, OTHER, NAME, NAME).returncode == -signal.SIGKILL
    assert not (tmp_path / failpoints.ARMED).exists()
    assert _run(tmp_path, NAME, NAME, NAME).stdout == b"alive\n"


def test_what_is_disarmed_before_its_passage_kills_nobody(tmp_path: Path) -> None:
    (tmp_path / failpoints.ARMED).write_text(f"{NAME}:1")
    assert _run(tmp_path, NAME, program=DISARMED).stdout == b"alive\n"
