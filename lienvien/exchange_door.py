"""The doors of a running exchange: facilities by mutual TLS, the operator and the command line on loopback."""

import asyncio
import hmac
from typing import Annotated, Any

from fastapi import APIRouter, Header, HTTPException
from fastapi.responses import JSONResponse

from broker.administration import Administration
from broker.api.callers import Callers
from broker.api.facility_app import facility_app
from broker.api.operator_app import Exchange as ExchangeFacts
from broker.api.operator_app import operator_app
from broker.console.pages import console_routes
from broker.exchange import Exchange
from broker.queries import Queries
from broker.settings import ExchangeSettings
from broker.store.engine import Database
from lienvien import exchange_acts
from lienvien.control_file import ControlDoor, new_secret, write_control
from schemas.reasons import Refused, reason
from transport.clock import SystemClock
from transport.control_file import port_left_behind
from transport.http_server import HttpServer
from transport.tls import ClientCertificates, server_context


async def serve(settings: ExchangeSettings, database: Database, exchange: Exchange, stop: asyncio.Event) -> None:
    """Serves until ``stop`` is set: ``/v1`` to facilities, pages, metrics and ``/control`` on loopback."""
    queries, clock, secret = Queries(database), SystemClock(), new_secret()
    callers = Callers(queries, lambda: exchange.material.current().trust)
    outside = HttpServer(
        facility_app(queries, callers, clock),
        host=settings.web.host,
        port=settings.web.port,
        ssl_context=server_context(settings.keys.ca, settings.identity("tls"), clients=ClientCertificates.REQUIRED),
    )
    administration = Administration(settings, database, actor="operator")
    inside = HttpServer(
        operator_app(
            queries,
            clock,
            ExchangeFacts(checks={"writing": database.takes_writes}),
            console_routes(queries, clock, settings.exchange.name),
            _control_routes(administration, secret),
        ),
        host=settings.control.host,
        port=settings.control.port,
        rather=port_left_behind(settings.folders.data),
    )
    async with outside, inside:
        write_control(settings.folders.data, ControlDoor(inside.url, secret))
        (settings.folders.data / "web-address").write_text(outside.url + "\n", "utf-8")
        await stop.wait()


def _control_routes(administration: Administration, secret: str) -> APIRouter:
    router = APIRouter(prefix="/control", include_in_schema=False)

    @router.post("/{act}")
    async def perform(
        act: str, arguments: dict[str, Any], authorization: Annotated[str | None, Header()] = None
    ) -> Any:
        given = (authorization or "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), secret.encode()):
            raise HTTPException(403)
        if act not in exchange_acts.ACTS:
            raise HTTPException(404)
        try:
            return {"done": await exchange_acts.ACTS[act](administration, arguments)}
        except Refused as refused:
            known = reason(refused.reason)
            content = {"code": known.code, "where": refused.where, "vi": known.vi, "en": known.en}
            return JSONResponse(content, status_code=409)

    return router
