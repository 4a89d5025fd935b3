"""The operator's service, on loopback only: all cases, the exchange itself, metrics, readiness, and the pages."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from fastapi import APIRouter, FastAPI, Request

from broker.api.health import Check, health_routes
from broker.api.loopback import LoopbackOnly
from broker.api.metrics import MoreMetrics, metrics_routes
from broker.api.overview import OverviewAnswer, overview
from broker.api.problems import install
from broker.api.routes import RESPONSES, status_routes
from broker.api.shield import Application, Shield
from broker.queries import Queries
from broker.queries.views import OPERATOR, Viewer
from transport.clock import Clock

TITLE: Final = "Liên Viện: điều hành trục / operating the exchange"


@dataclass(frozen=True)
class Exchange:
    """What the running process tells about itself. ``checks`` decide readiness, beside the database's own."""

    checks: Mapping[str, Check] = field(default_factory=dict)
    metrics: MoreMetrics | None = None


def operator_app(queries: Queries, clock: Clock, exchange: Exchange, *pages: APIRouter) -> Application:
    """An ASGI application; ``pages`` are routers of pages for people. Serve it on 127.0.0.1."""
    app = FastAPI(title=TITLE, version="1", docs_url=None, redoc_url=None, openapi_url="/openapi.json")

    async def identify(_request: Request) -> Viewer:
        return OPERATOR

    app.include_router(status_routes(queries, clock, identify))
    app.include_router(_overview_routes(queries, clock))
    app.include_router(health_routes({"database": queries.answers, **exchange.checks}))
    app.include_router(metrics_routes(queries, clock, exchange.metrics))
    for router in pages:
        app.include_router(router)
    install(app)
    return Shield(LoopbackOnly(app))


def _overview_routes(queries: Queries, clock: Clock) -> APIRouter:
    router = APIRouter(prefix="/v1", responses=RESPONSES)

    @router.get("/overview", summary="The exchange at a glance")
    async def at_a_glance() -> OverviewAnswer:
        return await overview(queries, clock.now())

    return router
