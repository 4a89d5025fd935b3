"""Log lines: one JSON object each, through a closed list of fields (``log_fields``).

``get_logger(__name__).info("transfer.accepted", facility="24Z01", message_id=...)``. The first argument is a name,
never a sentence. An exception is logged by its type and place; its text is not, because texts quote values. What
libraries log is reduced to logger, level and place in the code, which still finds the sentence in their source.
"""

import json
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TextIO

import structlog

from transport.log_fields import event_name, permitted

_LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_LIBRARIES_FROM: Final = logging.WARNING  # below it libraries speak of their own inner life
_REPEATING: Final = ("aiokafka", "kafka")  # one line for every failed connect, ten a second while Kafka is away
_REPEATS_TOLD_EVERY_S: Final = 60.0
_BOOKKEEPING: Final = ("event", "level", "exc_info", "stack_info", "stack", "exception", "_record", "_from_structlog")

_dropped_fields = 0
_lost_lines = 0


def configure_logging(process: str, level: str = "info", stream: TextIO | None = None) -> None:
    """Send everything this process logs to ``stream`` (standard error by default). Once, at its start.

    ``process`` names it in every line (``exchange``, ``connector``); ``level``: debug, info, warning or error.
    Uncaught exceptions of every thread and warnings go the same way. Raises KeyError for another level.
    """
    threshold = _LEVELS[level]
    _use_lines(process, threshold, stream)
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    root.addHandler(_LibraryHandler())
    root.setLevel(max(threshold, _LIBRARIES_FROM))
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda arguments: _uncaught(arguments.exc_type, arguments.exc_value, arguments.exc_traceback)
    sys.unraisablehook = lambda arguments: _uncaught(arguments.exc_type, arguments.exc_value, arguments.exc_traceback)


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """A logger of ours; ``name`` is the module's and becomes the field ``logger``."""
    # Bound at each use, not now: modules ask for their logger before the process has set logging up.
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(named=name)
    return logger


def _use_lines(process: str, threshold: int, stream: TextIO | None) -> None:
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, _Line(process)],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        context_class=dict,
        logger_factory=lambda *_: _Output(stream),
        cache_logger_on_first_use=False,
    )


def dropped_fields() -> int:
    """How many fields were dropped since the start: above 0 somebody tries to log what he must not. For metrics."""
    return _dropped_fields


def lost_lines() -> int:
    """How many lines the stream did not take (disk full, pipe closed). Logging never stops a transfer."""
    return _lost_lines


class _Line:
    """The last processor: from an event dictionary to one line of JSON, ASCII only, so that no control character,
    bidirectional mark or line separator of any kind reaches a terminal.
    """

    def __init__(self, process: str) -> None:
        self._process = process

    def __call__(self, _: Any, method: str, event: MutableMapping[str, Any]) -> str:
        global _dropped_fields  # noqa: PLW0603  one number for the process
        fields = {name: value for name, value in event.items() if name not in _BOOKKEEPING}
        fields.setdefault("logger", fields.pop("named", None))
        fields |= describe_error(_exception_of(event.get("exc_info")))
        kept, dropped = permitted(fields)
        _dropped_fields += dropped
        line: dict[str, Any] = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": event.get("level", method),
            "event": event_name(event.get("event")),
            "process": self._process,
            "pid": os.getpid(),
            **kept,
        }
        if dropped:
            line["dropped"] = dropped
        return json.dumps(line, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


class _Output:
    """What structlog calls a logger: takes finished lines. One write a line, so that processes may share a file."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        global _lost_lines  # noqa: PLW0603  one number for the process
        try:
            stream = self._stream or sys.stderr
            stream.write(line + "\n")
            stream.flush()
        except (OSError, ValueError):  # full disk, closed pipe, closed stream
            _lost_lines += 1

    debug = info = warning = error = critical = exception = fatal = log = msg


class _Repeats:
    """What a library says again and again: the first of each minute is told, with how many there were since the last.

    What was left out when the library falls silent is told with the next line of that place, however late.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._told: dict[tuple[str, str, str], tuple[float, int]] = {}  # place -> when told last, left out since

    def count(self, record: logging.LogRecord, place: str) -> int | None:
        """0: nothing was left out. Above: so many lines stand behind this one, itself included. None: leave it out."""
        error = _exception_of(record.exc_info)
        key, now = (record.name, place, type(error).__name__), self._now()
        told_at, left_out = self._told.get(key, (float("-inf"), 0))
        if now - told_at < _REPEATS_TOLD_EVERY_S:
            self._told[key] = (told_at, left_out + 1)
            return None
        self._told[key] = (now, 0)
        return left_out + 1 if left_out else 0


class _LibraryHandler(logging.Handler):
    """The standard library's records, without their messages."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._repeats = _Repeats(now)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            place = f"{record.module}:{record.lineno}"
            count = self._repeats.count(record, place) if record.name.startswith(_REPEATING) else 0
            if count is None:
                return
            log = structlog.get_logger()
            report: Callable[..., Any] = log.error if record.levelno >= logging.ERROR else log.warning
            repeated = {"count": count} if count else {}
            report("library", logger=record.name, logged_at=place, exc_info=record.exc_info, **repeated)
        except Exception:  # noqa: S110  a logger must not break what it watches, nor print why
            pass


def describe_error(error: BaseException | None) -> dict[str, str]:
    """An exception as fields: its type, its first cause's type, and the innermost place. Never its text."""
    if error is None:
        return {}
    fields = {"error": type(error).__name__}
    origin = _origin(error)
    if origin is not error:
        fields["cause"] = type(origin).__name__
    place = _innermost_place(origin.__traceback__ or error.__traceback__)
    if place:
        fields["error_at"] = place
    return fields


def _origin(error: BaseException) -> BaseException:
    """The first exception of a chain (bounded: chains can be circles)."""
    for _ in range(20):
        earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if earlier is None:
            break
        error = earlier
    return error


def _innermost_place(trace: TracebackType | None) -> str | None:
    frames = traceback.extract_tb(trace) if trace else []
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else None


def _exception_of(exc_info: object) -> BaseException | None:
    """structlog and the standard library pass True, an exception, or a triple."""
    if exc_info is True:
        return sys.exc_info()[1]
    if isinstance(exc_info, tuple):
        return exc_info[1] if len(exc_info) > 1 and isinstance(exc_info[1], BaseException) else None
    return exc_info if isinstance(exc_info, BaseException) else None


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    shown: Mapping[str, str] = describe_error(error)
    structlog.get_logger().error("process.uncaught", **shown)


# What is logged before, or without, configure_logging passes the same list: structlog's own default prints everything.
_use_lines("unnamed", logging.WARNING, None)
