"""One process of an exchange as the command line starts it."""

import errno
import sys
from pathlib import Path
from typing import Final

from broker.backup_guard import DatabaseIsOlderError
from broker.run import Web, run
from broker.run_lock import AlreadyRunningError
from broker.settings import load
from broker.store.engine import CommitUnknownError, PassingError, PositionLostError, UnsafeDatabaseError
from broker.store.migrating import DatabaseTooNewError
from lienvien.answering import ENVIRONMENT, LATER, START_AGAIN
from schemas.reasons import Refused, reason
from transport import event_loop, failpoints
from transport.control_file import remove_control
from transport.logs import configure_logging
from transport.settings import SettingsError
from transport.tls import TlsFileError

_DATABASE_UNFIT: Final = (DatabaseIsOlderError, DatabaseTooNewError, UnsafeDatabaseError)  # a person must act first
_NOT_NOW: Final = (
    "Cơ sở dữ liệu hoặc thư mục dữ liệu hiện không dùng được (chưa chạy, bị khóa, đầy đĩa …); sẽ tự khởi động lại."
    " / The database or the data folder cannot be used now (not running, locked, disk full …); started again by itself."
)


def main(config: Path, *, web: bool) -> int:
    """Runs until told to stop; the exit code."""
    configure_logging("exchange")
    try:
        settings = load(config)
        failpoints.arm(settings.process.mode)
        event_loop.run(run(settings, web=_web() if web else None))
    except (CommitUnknownError, PositionLostError):
        return START_AGAIN
    except (PassingError, OSError) as error:
        print(f"{_NOT_NOW} [{_name(error)}]", file=sys.stderr)
        return LATER
    except Refused as refused:
        known = reason(refused.reason)
        print(f"{known.vi}\n{known.en}\n[{known.code}] {refused.where}", file=sys.stderr)
        return ENVIRONMENT  # keys and certificates: a person must act first
    except AlreadyRunningError as error:
        print(error, file=sys.stderr)
        return LATER
    except (SettingsError, TlsFileError, failpoints.FailpointsRefusedError, *_DATABASE_UNFIT) as error:
        print(error, file=sys.stderr)
        return ENVIRONMENT
    remove_control(settings.folders.data)  # a stop in order: no command waits for it to come back
    return 0


def _web() -> Web:
    from lienvien.exchange_door import serve  # noqa: PLC0415  20 MiB that a process without pages need not hold

    return serve


def _name(error: Exception) -> str:
    """What went wrong, as a name that holds no value: SQLITE_FULL, OperationalError, ENOSPC."""
    if isinstance(error, OSError):
        return errno.errorcode.get(error.errno or 0, type(error).__name__)
    return str(error)
