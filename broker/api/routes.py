"""Where does it stand? The same addresses for a facility and for the operator; only the viewer differs."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request

from broker.api import asking
from broker.api.answers import AttentionAnswer, CaseAnswer, TransferList
from broker.api.progress import Situation
from broker.queries import Queries
from broker.queries.views import TransferFilter, Viewer
from schemas.lifecycle import Decision, Journey
from schemas.urgency import Priority
from transport.clock import Clock

LIMIT_MAX: Final = 200
Identify = Callable[[Request], Awaitable[Viewer]]

FacilityCode = Annotated[str | None, Query(pattern=r"^[0-9A-Z]{5}$", description="Facility code")]
Cursor = Annotated[str | None, Query(pattern=asking.CURSOR_PATTERN, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX)]

_PROBLEM: Final[dict[str, Any]] = {"description": "A problem (RFC 9457)", "content": {"application/problem+json": {}}}
RESPONSES: Final[dict[int | str, dict[str, Any]]] = dict.fromkeys((403, 404, 422, 503), _PROBLEM)


def wanted_transfers(
    *,
    sender: FacilityCode = None,
    destination: FacilityCode = None,
    facility: FacilityCode = None,
    priority: Priority | None = None,
    decision: Decision | None = None,
    journey: Journey | None = None,
    before: Cursor = None,
) -> TransferFilter:
    """The filter in a query string."""
    return TransferFilter(sender, destination, facility, priority, decision, journey, asking.before(before))


Wanted = Annotated[TransferFilter, Depends(wanted_transfers)]


def status_routes(queries: Queries, clock: Clock, identify: Identify) -> APIRouter:
    """The routes below /v1. ``identify`` raises for whoever may not look."""
    router = APIRouter(prefix="/v1", responses=RESPONSES)
    viewer = Annotated[Viewer, Depends(identify)]

    @router.get("/transfers", summary="Transfers, newest first; with situation=stuck those that stand still")
    async def transfers(
        who: viewer, wanted: Wanted, situation: Situation | None = None, limit: Limit = 50
    ) -> TransferList:
        if situation is Situation.STUCK:
            return await asking.stuck_list(queries, who, wanted, clock.now())
        return await asking.transfer_list(queries, who, wanted, clock.now(), limit, situation=situation)

    @router.get("/transfers/{name}", summary="One case by case code, case id, transfer id or message id")
    async def case(who: viewer, name: str) -> CaseAnswer:
        return await asking.case(queries, who, name, clock.now())

    @router.get("/attention", summary="What needs a person: stuck, refused, held")
    async def attention(who: viewer) -> AttentionAnswer:
        return await asking.attention(queries, who, clock.now())

    return router
