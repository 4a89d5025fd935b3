"""One connector as the command line starts it, and acts on it whether it runs or rests."""

import asyncio
import sqlite3
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from connectors.actions import ActionError
from connectors.control_acts import ACTS, ASKS
from connectors.run import opened, run
from connectors.settings import Settings, SettingsError, load
from connectors.store.database import CommitUnknownError
from connectors.store.folder_lock import AlreadyRunningError
from connectors.store.meta import PositionMovedError
from connectors.worklist.pages import worklist
from lienvien import control_file
from lienvien.answering import ENVIRONMENT, REFUSED
from lienvien.exchange_process import START_AGAIN
from schemas.reasons import Refused, reason
from transport.http_server import HttpServerError
from transport.logs import configure_logging
from transport.tls import TlsFileError


def main(config: Path) -> int:
    """Runs until told to stop; the exit code."""
    configure_logging("connector")
    try:
        asyncio.run(run(load(config), extension=worklist))
    except (CommitUnknownError, PositionMovedError):
        return START_AGAIN
    except Refused as refused:
        known = reason(refused.reason)
        print(f"{known.vi}\n{known.en}\n[{known.code}] {refused.where}", file=sys.stderr)
        return REFUSED
    except (SettingsError, AlreadyRunningError, TlsFileError, HttpServerError) as error:
        print(error, file=sys.stderr)
        return ENVIRONMENT
    except (OSError, sqlite3.Error) as error:
        print(type(error).__name__, file=sys.stderr)
        return ENVIRONMENT
    return 0


def perform(settings: Settings, name: str, arguments: Mapping[str, Any], *, asks: bool = False) -> Any:
    """One act or question, through the running connector where there is one, else on its database.

    What is entered while nothing runs is sent at the next start.

    Raises ActionError, AlreadyRunningError (a process that does not answer holds the folder), Refused, OSError.
    """
    data = settings.folders.data
    try:
        if asks:
            return control_file.ask(data, "GET", f"/control/{name}", query=arguments)
        return control_file.ask(data, "POST", f"/control/{name}", dict(arguments))
    except control_file.RefusedByProcessError as refused:
        problem = refused.problem
        raise ActionError(
            str(problem.get("code", refused.status)), str(problem.get("vi", "")), str(problem.get("en", ""))
        ) from None
    except control_file.NotRunningError:
        return asyncio.run(_alone(settings, name, arguments, asks=asks))


async def _alone(settings: Settings, name: str, arguments: Mapping[str, Any], *, asks: bool) -> Any:
    async with opened(settings) as parts:
        return await (ASKS if asks else ACTS)[name](parts, arguments)
