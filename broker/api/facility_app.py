"""The service for facilities: mutual TLS, own cases only, nothing else. Served by ``transport.http_server``."""

from fastapi import FastAPI, Request

from broker.api.callers import Callers
from broker.api.health import health_routes
from broker.api.problems import Problem, install
from broker.api.routes import status_routes
from broker.api.shield import Application, Shield
from broker.queries import Queries
from broker.queries.views import Viewer
from transport.clock import Clock
from transport.http_server import client_certificate

TITLE = "Liên Viện: hồ sơ đang ở đâu? / where does it stand?"


def facility_app(queries: Queries, callers: Callers, clock: Clock) -> Application:
    """An ASGI application. Pages of documentation are not served: they would load scripts from elsewhere."""
    app = FastAPI(title=TITLE, version="1", docs_url=None, redoc_url=None, openapi_url="/openapi.json")

    async def identify(request: Request) -> Viewer:
        certificate = client_certificate(request.scope)
        if certificate is None:
            raise Problem(401, "certificate-missing")
        return Viewer(await callers.facility(certificate, clock.now()))

    app.include_router(status_routes(queries, clock, identify))
    app.include_router(health_routes())
    install(app)
    return Shield(app)
