"""The event loop of a process that moves much: uvloop where there is one, since its TLS and its timers cost half."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

_Result = TypeVar("_Result")


def run(main: Coroutine[Any, Any, _Result]) -> _Result:
    """``asyncio.run`` on the fastest loop of this system."""
    if sys.platform == "win32":  # uvloop does not exist there
        return asyncio.run(main)
    import uvloop  # noqa: PLC0415

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)
