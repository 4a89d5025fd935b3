"""The parent's side: ask the child, start it when it is not there, and outlive whatever happens to it."""

import asyncio
import contextlib
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from connectors.form.content import FormContent
from connectors.workshop.requests import CHECK, LINE_MAX_BYTES, RENDER, line, pack, parse, unpack

ANSWER_SECONDS: Final = 30.0  # longest wait for one answer, the child's start included
_TRIES: Final = 2  # a child that ended between two requests is no fault
_ROOT: Final = Path(__file__).resolve().parents[2]


class WorkshopError(Exception):
    """The child gave no usable answer: it died, hung, or met an error. The text holds nothing of a patient."""


class Workshop:
    """One child at a time, started by the first request; it ends by itself ten seconds after the last.

    Safe for concurrent tasks: requests wait for one another.
    """

    def __init__(self, command: tuple[str, ...] = (sys.executable, "-m", "connectors.workshop")) -> None:
        self._command = command
        self._process: Process | None = None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def render(self, form: FormContent) -> bytes:
        """The form as PDF. Raises WorkshopError."""
        answer = await self._ask({"do": RENDER, "form": form})
        return unpack(str(answer["pdf"]))

    async def check_r4b(self, bundle: bytes) -> tuple[str, ...]:
        """Paths of elements that FHIR R4B does not accept; empty when it accepts all. Raises WorkshopError."""
        answer = await self._ask({"do": CHECK, "bundle": pack(bundle)})
        return tuple(str(path) for path in answer["findings"])

    async def close(self) -> None:
        """End the child now."""
        async with self._turn:
            await self._end()

    async def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        asked = line(request)
        if len(asked) > LINE_MAX_BYTES:
            raise WorkshopError("request too large")
        async with self._turn:
            for _ in range(_TRIES):
                try:
                    told = await asyncio.wait_for(self._exchange(asked), ANSWER_SECONDS)
                except TimeoutError:
                    await self._end()
                    raise WorkshopError("no answer in time") from None
                except BaseException:
                    await self._end()  # an answer still to come would be taken for the next one
                    raise
                if told:
                    return self._answer(told)
                await self._end()
        raise WorkshopError("the child ended without an answer")

    async def _exchange(self, asked: bytes) -> bytes:
        """The answer's line, or nothing when the child is gone."""
        process = self._process
        if process is None or process.returncode is not None:
            process = self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, cwd=_ROOT, limit=LINE_MAX_BYTES
            )
        if process.stdin is None or process.stdout is None:
            raise WorkshopError("no pipes")
        try:
            process.stdin.write(asked)
            await process.stdin.drain()
            return await process.stdout.readline()
        except (ConnectionError, ValueError):  # gone, or a line beyond the limit
            return b""

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()

    @staticmethod
    def _answer(told: bytes) -> dict[str, Any]:
        try:
            answer = parse(told)
        except ValueError:
            raise WorkshopError("unreadable answer") from None
        if "error" in answer:
            raise WorkshopError(str(answer["error"])[:100])
        return answer
