"""Children: started as wanted, ended politely or not, and gone with their parent."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from transport.child_process import ProgramMissingError, end, ended, kill, spawn

pytestmark = [pytest.mark.process, pytest.mark.skipif(os.name != "posix", reason="signals and users of POSIX")]

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def wait_for_text(log: Path, text: str) -> None:
    give_up = time.monotonic() + 10
    while text not in (log.read_text() if log.exists() else ""):
        assert time.monotonic() < give_up
        time.sleep(0.02)


async def test_output_is_appended_and_input_is_empty(tmp_path: Path) -> None:
    log = tmp_path / "log"
    for _ in range(2):
        process = spawn(python("import sys; print(repr(sys.stdin.read()), file=sys.stderr)"), log=log)
        assert await ended(process, 10)
    assert log.read_text() == "''\n''\n"


async def test_child_has_a_session_of_its_own(tmp_path: Path) -> None:
    """So that Ctrl-C on the terminal reaches only the parent."""
    log = tmp_path / "log"
    process = spawn(python("import os; print(os.getsid(0) == os.getpid())"), log=log)
    assert await ended(process, 10)
    assert log.read_text() == "True\n"


async def test_polite_end(tmp_path: Path) -> None:
    process = spawn(["sleep", "60"], log=tmp_path / "log")
    await end(process, signal.SIGTERM, 10)
    assert process.returncode == -signal.SIGTERM


async def test_stubborn_child_is_ended_by_force(tmp_path: Path) -> None:
    process = spawn(python(STUBBORN), log=tmp_path / "log")
    wait_for_text(tmp_path / "log", "up")
    await end(process, signal.SIGTERM, 0.3)
    assert process.returncode == -signal.SIGKILL


def test_kill_takes_the_whole_group(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = spawn(["sh", "-c", "sleep 61 & echo $!; wait"], log=log)
    wait_for_text(log, "\n")
    grandchild = int(log.read_text())
    kill(process)
    give_up = time.monotonic() + 5
    while time.monotonic() < give_up and _alive(grandchild):
        time.sleep(0.02)
    assert not _alive(grandchild)
    kill(process)  # already gone: nothing happens


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProgramMissingError, match="no-such-program"):
        spawn(["no-such-program"], log=tmp_path / "log")


def test_not_from_another_thread(tmp_path: Path) -> None:
    raised: list[BaseException] = []

    def attempt() -> None:
        try:
            spawn(["sleep", "1"], log=tmp_path / "log")
        except RuntimeError as error:
            raised.append(error)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    assert len(raised) == 1


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become somebody else")
def test_as_another_user_and_still_gone_with_its_parent(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = (
        "import os; from pathlib import Path; from transport.child_process import *\n"
        "os.setgroups([0, 4])\n"
        f"spawn(['sh', '-c', 'id -u; id -g; id -G'], log=Path({str(log)!r}), run_as=RunAs(65534, 65534)).wait()"
    )
    subprocess.run(python(code), check=True)
    assert log.read_text() == "65534\n65534\n65534\n"
    assert _outlives_parent(tmp_path, "RunAs(65534, 65534)") is False


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_child_is_gone_with_its_parent(tmp_path: Path) -> None:
    assert _outlives_parent(tmp_path, "None") is False


def _outlives_parent(tmp_path: Path, run_as: str) -> bool:
    """Start a parent that starts a child; kill the parent (kill -9); does the child go on?"""
    code = (
        "import time; from pathlib import Path; from transport.child_process import *\n"
        f"child = spawn(['sleep', '62'], log=Path({str(tmp_path / 'child.log')!r}), run_as={run_as})\n"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(python(code), stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout as output:
        child = int(output.readline())
    _wait_until_executing(child, "sleep")
    parent.kill()
    parent.wait()
    give_up = time.monotonic() + 5
    while _alive(child) and time.monotonic() < give_up:
        time.sleep(0.02)
    if alive := _alive(child):
        os.kill(child, signal.SIGKILL)
    return alive


def _wait_until_executing(pid: int, name: str) -> None:
    give_up = time.monotonic() + 10
    while Path(f"/proc/{pid}/comm").read_text().strip() != name:
        assert time.monotonic() < give_up
        time.sleep(0.02)
