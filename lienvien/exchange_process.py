"""One process of an exchange as the command line starts it."""

import sys
from pathlib import Path
from typing import Final

from broker.backup_guard import DatabaseIsOlderError
from broker.run import Web, run
from broker.run_lock import AlreadyRunningError
from broker.settings import load
from broker.store.engine import CommitUnknownError, PositionLostError, UnsafeDatabaseError
from broker.store.migrating import DatabaseTooNewError
from lienvien.answering import ENVIRONMENT, LATER, REFUSED
from schemas.reasons import Refused, reason
from transport import event_loop
from transport.logs import configure_logging
from transport.settings import SettingsError
from transport.tls import TlsFileError

_DATABASE_UNFIT: Final = (DatabaseIsOlderError, DatabaseTooNewError, UnsafeDatabaseError)  # a person must act first
START_AGAIN: Final = 70  # the outcome of something is unknown: a supervisor must start the process again


def main(config: Path, *, web: bool) -> int:
    """Runs until told to stop; the exit code."""
    configure_logging("exchange")
    try:
        settings = load(config)
        event_loop.run(run(settings, web=_web() if web else None))
    except (CommitUnknownError, PositionLostError):
        return START_AGAIN
    except Refused as refused:
        known = reason(refused.reason)
        print(f"{known.vi}\n{known.en}\n[{known.code}] {refused.where}", file=sys.stderr)
        return REFUSED
    except AlreadyRunningError as error:
        print(error, file=sys.stderr)
        return LATER
    except (SettingsError, TlsFileError, *_DATABASE_UNFIT) as error:
        print(error, file=sys.stderr)
        return ENVIRONMENT
    return 0


def _web() -> Web:
    from lienvien.exchange_door import serve  # noqa: PLC0415  20 MiB that a process without pages need not hold

    return serve
