"""The child: answers a line with a line, and ends by itself when nobody asks, the parent is gone, or a limit is met."""

import contextlib
import os
import queue
import sys
import threading
from typing import Any, BinaryIO, Final

from connectors.form.render import Printer
from connectors.workshop.fhir_check import check_bundle
from connectors.workshop.requests import CHECK, IDLE_SECONDS, LINE_MAX_BYTES, RENDER, line, pack, parse, unpack

MEMORY_MAX_BYTES: Final = 2 * 1024**3  # address space; typst's fonts and pydantic's models need about 0.7 GiB of it
CPU_MAX_SECONDS: Final = 120  # of one child's whole life; a form needs 0.02 s, a Bundle 0.1 s


def main() -> None:
    """Serve standard input until it ends or falls silent; never returns."""
    _serve()
    sys.stdout.buffer.flush()
    os._exit(0)  # the reading thread still holds standard input; an orderly shutdown would abort on its lock


def _serve() -> None:
    _limit()
    lines: queue.Queue[bytes] = queue.Queue(maxsize=1)
    threading.Thread(target=_read, args=(sys.stdin.buffer, lines), daemon=True).start()
    printer = Printer()
    while True:
        try:
            asked = lines.get(timeout=IDLE_SECONDS)
        except queue.Empty:
            return
        if not asked:
            return
        sys.stdout.buffer.write(line(answer(asked, printer)))
        sys.stdout.buffer.flush()


def answer(asked: bytes, printer: Printer) -> dict[str, Any]:
    """The answer to one line. An error is told by its type alone: its text could quote a patient."""
    try:
        request = parse(asked)
        if request["do"] == RENDER:
            return {"pdf": pack(printer.render(request["form"]))}
        if request["do"] == CHECK:
            return {"findings": check_bundle(unpack(request["bundle"]))}
        return {"error": "unknown request"}
    except Exception as error:
        return {"error": type(error).__name__}


def _read(source: BinaryIO, lines: "queue.Queue[bytes]") -> None:
    """Hands lines on; an empty one means that the parent is gone."""
    while data := source.readline(LINE_MAX_BYTES):
        lines.put(data)
    lines.put(b"")


def _limit() -> None:
    """Memory and processor time, where the system can limit them."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415  not on Windows

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX_BYTES, MEMORY_MAX_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_MAX_SECONDS, CPU_MAX_SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
