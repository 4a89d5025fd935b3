"""A server of somebody else as our child: its own session, one log file, and it does not outlive us.

Ctrl-C on the terminal reaches only us (own session), so that we stop our children in order. If we die without stopping
them, the kernel ends them (Linux).
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_LAUNCHER: Final = Path(__file__).with_name("launch.py")
_KILLED_WITHIN_S: Final = 10.0  # the kernel needs milliseconds; a stuck disk may need longer


@dataclass(frozen=True, slots=True)
class RunAs:
    """Another user of this machine, by numbers; only root can become one."""

    user: int
    group: int


class ProgramMissingError(Exception):
    """The program to be started is not on this machine; the text is its name."""


def spawn(
    command: Sequence[str],
    *,
    log: Path,
    if_we_die: signal.Signals = signal.SIGTERM,
    run_as: RunAs | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start ``command``, output appended to ``log``. Raises ProgramMissingError and OSError.

    Only from the main thread: the kernel takes the end of the starting *thread* for the end of the parent.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("a child that must not outlive us is started from the main thread")
    program = shutil.which(command[0])
    if program is None:
        raise ProgramMissingError(command[0])
    identity = f"{run_as.user}:{run_as.group}" if run_as else "-"
    launch = [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid()), str(int(if_we_die)), identity]
    with log.open("ab") as output:
        return subprocess.Popen(
            [*(launch if os.name == "posix" else []), program, *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=dict(environment) if environment is not None else None,
        )


async def ended(process: subprocess.Popen[bytes], patience_s: float) -> bool:
    """Wait at most ``patience_s`` seconds for the end of a child; True when it has ended."""
    try:
        await asyncio.to_thread(process.wait, patience_s)
    except subprocess.TimeoutExpired:
        return False
    return True


async def end(process: subprocess.Popen[bytes], politely: signal.Signals, patience_s: float) -> None:
    """Ask a child to end, wait, then end it and whatever it started by force."""
    if process.poll() is None:
        process.send_signal(politely)
        if not await ended(process, patience_s):
            kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a child and its process group at once, as a crash would, and collect it."""
    if process.poll() is None:
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait(_KILLED_WITHIN_S)
