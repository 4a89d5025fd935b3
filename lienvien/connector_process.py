"""One connector as the command line starts it, and acts on it whether it runs or rests."""

import asyncio
import sqlite3
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from connectors.actions import ActionError
from connectors.control_acts import ACTS, ASKS
from connectors.run import opened, run
from connectors.settings import Settings, load
from connectors.store.database import CommitUnknownError
from connectors.store.folder_lock import AlreadyRunningError, Holder
from connectors.store.meta import PositionMovedError
from connectors.store.tables import NewerDatabaseError
from connectors.worklist.pages import worklist
from lienvien import control_file
from lienvien.answering import ENVIRONMENT, LATER, START_AGAIN
from schemas.reasons import Refused, reason
from transport import failpoints
from transport.control_file import remove_control
from transport.failpoints import FailpointsRefusedError
from transport.http_server import HttpServerError
from transport.logs import configure_logging
from transport.settings import SettingsError
from transport.tls import TlsFileError

_MAY_PASS: Final = (AlreadyRunningError, HttpServerError, OSError, sqlite3.OperationalError)
_UNFIT: Final = (
    SettingsError,
    FailpointsRefusedError,
    TlsFileError,
    NewerDatabaseError,
    sqlite3.Error,
)  # a person must act first
_SPEAK: Final = (
    AlreadyRunningError,
    FailpointsRefusedError,
    HttpServerError,
    SettingsError,
    TlsFileError,
    NewerDatabaseError,
)
_COMES_BACK_S: Final = 8.0  # a supervisor's pause and a start
_LOOK_AGAIN_S: Final = 0.1
_OUTCOME_UNKNOWN: Final = ActionError(
    "outcome-unknown",
    "Phần mềm kết nối dừng giữa chừng: chưa rõ đã thực hiện chưa. Hãy xem trạng thái của ca rồi mới làm lại.",
    "The connector ended half way: it is not known whether this was done. Look at the case before doing it again.",
)


def main(config: Path) -> int:
    """Runs until told to stop; the exit code."""
    configure_logging("connector")
    try:
        settings = load(config)
        failpoints.arm(settings.process.mode)
        asyncio.run(run(settings, extension=worklist))
    except (CommitUnknownError, PositionMovedError):
        return START_AGAIN
    except Refused as refused:
        known = reason(refused.reason)
        print(f"{known.vi}\n{known.en}\n[{known.code}] {refused.where}", file=sys.stderr)
        return ENVIRONMENT  # keys and certificates: a person must act first
    except (*_MAY_PASS, *_UNFIT) as error:
        print(error if isinstance(error, _SPEAK) else type(error).__name__, file=sys.stderr)
        return LATER if isinstance(error, _MAY_PASS) else ENVIRONMENT
    return 0


def perform(
    settings: Settings,
    name: str,
    arguments: Mapping[str, Any],
    *,
    asks: bool = False,
    patience_s: float = _COMES_BACK_S,
) -> Any:
    """One act or question, through the running connector where there is one, else on its database.

    A connector that should run and does not answer, because it is being started, is waited for. What is entered while
    nothing runs is sent at the next start.

    Raises ActionError, AlreadyRunningError (a process that does not answer holds the folder), Refused, OSError.
    """
    data = settings.folders.data
    give_up = time.monotonic() + patience_s
    while True:
        try:
            return _ask(data, name, arguments, asks=asks)
        except control_file.NotRunningError:
            may_wait = time.monotonic() < give_up
        if not (may_wait and control_file.is_left_behind(data)):
            try:
                return asyncio.run(_alone(settings, name, arguments, asks=asks))
            except AlreadyRunningError:
                if not may_wait:
                    raise
        time.sleep(_LOOK_AGAIN_S)


def _ask(data: Path, name: str, arguments: Mapping[str, Any], *, asks: bool) -> Any:
    """Raises ActionError, and NotRunningError where nothing was done."""
    try:
        if asks:
            return control_file.ask(data, "GET", f"/control/{name}", query=arguments)
        return control_file.ask(data, "POST", f"/control/{name}", dict(arguments))
    except control_file.AnswerLostError:
        if asks:
            raise
        raise _OUTCOME_UNKNOWN from None
    except control_file.RefusedByProcessError as refused:
        problem = refused.problem
        raise ActionError(
            str(problem.get("code", refused.status)), str(problem.get("vi", "")), str(problem.get("en", ""))
        ) from None


async def _alone(settings: Settings, name: str, arguments: Mapping[str, Any], *, asks: bool) -> Any:
    async with opened(settings, holder=Holder.COMMAND) as parts:
        remove_control(settings.folders.data)  # whoever left it is dead: the next command need not wait for him
        return await (ASKS if asks else ACTS)[name](parts, arguments)
