"""Errors as they leave this service (RFC 9457): a code, two sentences, at most a field path. Input is never echoed.

{"type": "urn:lienvien:problem:question-malformed", "status": 422, "code": "question-malformed",
 "where": "query.limit", "vi": "…", "en": "…"}
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from broker.store.engine import StoreError
from schemas.reasons import REASONS, ReasonCode, Refused
from schemas.words import Phrase

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_S: Final = 5

NOT_FOUND: Final = "not-found"
INTERNAL: Final = "internal-error"
_MALFORMED: Final = "question-malformed"
_UNAVAILABLE: Final = "unavailable"

# HTTP's own errors; whatever concerns a facility or its certificate has a reason code of the contract instead.
PHRASES: Final[Mapping[str, Phrase]] = MappingProxyType(
    {
        NOT_FOUND: Phrase(
            "Không có hồ sơ hoặc trang nào như vậy trong phạm vi được xem.",
            "There is no such case or page among those that may be seen.",
        ),
        "method-not-allowed": Phrase("Địa chỉ này chỉ đọc được bằng GET.", "This address can only be read, with GET."),
        _MALFORMED: Phrase(
            "Yêu cầu sai dạng ở trường được nêu; xem mô tả tại /openapi.json.",
            "The request is malformed at the named field; /openapi.json describes it.",
        ),
        "certificate-missing": Phrase(
            "Cần chứng thư TLS của cơ sở để xem.", "The facility's TLS certificate is needed to look."
        ),
        "not-allowed": Phrase("Không được phép.", "This is not allowed."),
        "misdirected": Phrase(
            "Trang điều hành chỉ mở được trên chính máy chủ này.",
            "The operator's pages open on this very machine only.",
        ),
        _UNAVAILABLE: Phrase(
            "Tạm thời chưa hỏi được cơ sở dữ liệu; thử lại sau vài giây.",
            "The database cannot be asked right now; try again in a few seconds.",
        ),
        INTERNAL: Phrase(
            "Lỗi trong phần mềm của trục; điều hành trục xem nhật ký.",
            "An error in the exchange's software; its operator finds it in the log.",
        ),
    }
)
_BY_STATUS: Final = {401: "not-allowed", 403: "not-allowed", 404: NOT_FOUND, 405: "method-not-allowed"}
_FIELD: Final = re.compile(r"[a-z][a-z_]{0,31}", re.ASCII)


class Problem(Exception):  # noqa: N818  the word of RFC 9457
    """An answer other than what was asked for. ``code`` is one of PHRASES."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


def problem_response(status: int, code: str, phrase: Phrase, where: str | None = None) -> JSONResponse:
    """The response for an error."""
    body: dict[str, Any] = {"type": f"urn:lienvien:problem:{code}", "status": status, "code": code}
    if where:
        body["where"] = where
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else None
    return JSONResponse({**body, "vi": phrase.vi, "en": phrase.en}, status, headers, MEDIA_TYPE)


def known_problem(status: int, code: str, where: str | None = None) -> JSONResponse:
    """The response for one of PHRASES."""
    return problem_response(status, code, PHRASES[code], where)


def install(app: FastAPI) -> None:
    """Every way in which a request can fail gets an answer of this module."""
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(StoreError, _store)
    app.add_exception_handler(Exception, _unforeseen)


def _malformed(_request: Request, error: Exception) -> Response:
    """The first wrong field, by name; names come from our own signatures, and only such are shown."""
    places = error.errors() if isinstance(error, RequestValidationError) else ()
    path = [str(part) for part in places[0]["loc"]] if places else []
    where = ".".join(part for part in path if _FIELD.fullmatch(part))
    return known_problem(422, _MALFORMED, where)


def _http(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status in _BY_STATUS:
        return known_problem(status, _BY_STATUS[status])
    return known_problem(status, _MALFORMED if 400 <= status < 500 else INTERNAL)


def _problem(_request: Request, error: Exception) -> Response:
    problem = error if isinstance(error, Problem) else Problem(500, INTERNAL)
    return known_problem(problem.status, problem.code)


def _refused(_request: Request, error: Exception) -> Response:
    code = error.reason if isinstance(error, Refused) else ReasonCode.FACILITY_UNKNOWN
    reason = REASONS[code]
    return problem_response(403, code, Phrase(reason.vi, reason.en))


def _store(_request: Request, _error: Exception) -> Response:
    return known_problem(503, _UNAVAILABLE)


def _unforeseen(_request: Request, _error: Exception) -> Response:
    return known_problem(500, INTERNAL)
