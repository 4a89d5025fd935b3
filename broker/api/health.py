"""Is the process up, and can it do its work? For supervisors and load balancers; says nothing about anybody's cases."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import JSONResponse

from broker.api.answers import Answer
from broker.api.routes import RESPONSES
from transport.logs import get_logger

Check = Callable[[], Awaitable[bool]]
CHECK_WITHIN_S: Final = 2.0  # a check that takes longer counts as failed


class HealthAnswer(Answer):
    """The process answers."""

    status: str


class ReadyAnswer(Answer):
    """``ready`` is true when every check is."""

    ready: bool
    checks: dict[str, bool]


def health_routes(checks: Mapping[str, Check] | None = None) -> APIRouter:
    """``/health`` and, with ``checks``, ``/ready``: 503 while any check is false, fails or takes too long."""
    router = APIRouter(responses={503: RESPONSES[503]})

    @router.get("/health", summary="The process is up")
    async def health() -> HealthAnswer:
        return HealthAnswer(status="up")

    if checks is not None:
        wanted = dict(checks)

        @router.get("/ready", summary="The process can do its work", response_model=ReadyAnswer)
        async def ready() -> Any:
            results = await asyncio.gather(*(_passes(name, check) for name, check in wanted.items()))
            answer = ReadyAnswer(ready=all(results), checks=dict(zip(wanted, results, strict=True)))
            return JSONResponse(answer.model_dump(), 200 if answer.ready else 503)

    return router


async def _passes(name: str, check: Check) -> bool:
    try:
        return await asyncio.wait_for(check(), CHECK_WITHIN_S)
    except Exception as error:  # whatever it is, the process is not ready
        get_logger(__name__).warning("ready.failed", stage=name, exc_info=error)
        return False
