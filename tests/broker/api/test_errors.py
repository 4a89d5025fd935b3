"""Whatever is asked, and whatever breaks inside: the answer and the log hold nothing of it."""

import io
import json
from collections.abc import AsyncIterator
from urllib.parse import quote

import httpx2
import pytest
from fastapi import APIRouter, HTTPException

from broker.api.operator_app import Exchange, operator_app
from broker.api.problems import PHRASES
from broker.queries import Queries
from broker.store.engine import PassingError
from schemas.reasons import ReasonCode
from tests.broker.api.serving import StillClock, client_of
from transport.logs import configure_logging

CANARY = "Nguyễn Thị Hoàng Yến <script>alert(1)</script>"
MARKS = ("Nguyễn", "Hoàng", "script", "%E1", "alert", "\\u1ec5", "Traceback", "sqlite", ".py")


@pytest.fixture
def log() -> io.StringIO:
    stream = io.StringIO()
    configure_logging("test", stream=stream)
    return stream


@pytest.fixture
async def operator(queries: Queries) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(operator_app(queries, StillClock(), Exchange())) as client:
        yield client


def _is_clean(answer: httpx2.Response) -> None:
    shown = answer.text + repr(dict(answer.headers))
    assert not [mark for mark in MARKS if mark.lower() in shown.lower()], shown


def _is_problem(answer: httpx2.Response, status: int, code: str, where: str | None = None) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    phrase = PHRASES[code]
    expected = {"type": f"urn:lienvien:problem:{code}", "status": status, "code": code}
    expected |= {} if where is None else {"where": where}
    assert body == expected | {"vi": phrase.vi, "en": phrase.en}
    _is_clean(answer)


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("/v1/transfers?sender={}", "query.sender"),
        ("/v1/transfers?priority={}", "query.priority"),
        ("/v1/transfers?situation={}", "query.situation"),
        ("/v1/transfers?limit={}", "query.limit"),
        ("/v1/transfers?limit=0", "query.limit"),
        ("/v1/transfers?limit=201", "query.limit"),
        ("/v1/transfers?before={}", "query.before"),
        ("/v1/transfers?decision=%00", "query.decision"),
        ("/v1/transfers?facility=24z01", "query.facility"),
    ],
)
async def test_malformed_questions(operator: httpx2.AsyncClient, path: str, where: str) -> None:
    _is_problem(await operator.get(path.format(quote(CANARY))), 422, "question-malformed", where)


@pytest.mark.parametrize(
    "path",
    ["/{}", "/v1/{}", "/v1/transfers/{}", "/v1/transfers/" + "9" * 5000, "/v1/transfers/%00", "/v1/transfers/../{}"],
)
async def test_what_is_not_there(operator: httpx2.AsyncClient, path: str) -> None:
    _is_problem(await operator.get(path.format(quote(CANARY))), 404, "not-found")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_nothing_can_be_changed_here(operator: httpx2.AsyncClient, method: str) -> None:
    for path in ("/v1/transfers", "/v1/attention", "/v1/overview", "/metrics", "/health"):
        answer = await operator.request(method, path, content=CANARY.encode())
        _is_problem(answer, 405, "method-not-allowed")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "not-allowed"),
        (403, "not-allowed"),
        (404, "not-found"),
        (418, "question-malformed"),
        (502, "internal-error"),
    ],
)
async def test_further_routes_answer_in_the_same_way(queries: Queries, status: int, code: str) -> None:
    further = APIRouter()

    @further.post("/further")
    async def refuse() -> None:
        raise HTTPException(status, CANARY)

    async with client_of(operator_app(queries, StillClock(), Exchange(), further)) as client:
        _is_problem(await client.post("/further", content=CANARY.encode()), status, code)


async def test_an_unknown_parameter_is_neither_used_nor_shown(operator: httpx2.AsyncClient) -> None:
    answer = await operator.get("/v1/transfers", params={CANARY: CANARY})
    assert answer.status_code == 200
    _is_clean(answer)


async def test_an_error_of_the_program_tells_nobody_its_text(queries: Queries, log: io.StringIO) -> None:
    async def broken(*_: object) -> object:
        raise RuntimeError(CANARY)

    queries.transfers = broken  # type: ignore[method-assign, assignment]
    async with client_of(operator_app(queries, StillClock(), Exchange())) as client:
        _is_problem(await client.get("/v1/transfers"), 500, "internal-error")
    (line,) = log.getvalue().splitlines()
    written = json.loads(line)
    assert (written["event"], written["error"]) == ("http.failed", "RuntimeError")
    assert not [mark for mark in MARKS[:-1] if mark in line]


async def test_a_database_that_cannot_be_asked(queries: Queries, log: io.StringIO) -> None:
    async def absent(*_: object) -> object:
        raise PassingError(CANARY)

    queries.transfers = queries.answers = absent  # type: ignore[method-assign, assignment]
    async with client_of(operator_app(queries, StillClock(), Exchange())) as client:
        answer = await client.get("/v1/transfers")
        _is_problem(answer, 503, "unavailable")
        assert answer.headers["retry-after"] == "5"
        ready = await client.get("/ready")
        assert (ready.status_code, ready.json()["checks"]) == (503, {"database": False})
    assert CANARY not in log.getvalue()
    assert "Nguy" not in log.getvalue()


async def test_every_answer_stays_out_of_caches_frames_and_foreign_pages(operator: httpx2.AsyncClient) -> None:
    for path in ("/v1/transfers", "/v1/transfers?limit=x", "/nothing", "/metrics", "/openapi.json"):
        headers = (await operator.get(path)).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "access-control-allow-origin" not in headers


def test_problem_codes_do_not_collide_with_reason_codes() -> None:
    assert not PHRASES.keys() & {code.value for code in ReasonCode}
