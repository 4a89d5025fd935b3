"""The strict pre-parser: no JOSE library sees a token before it has passed here.

Refused: too large, not exactly three parts, another spelling of base64url, a header that is not one JSON object with
exactly the members of its kind, duplicate members, another ``typ``, an ``alg`` off the list. ``crit``, ``b64``,
``jwk``, ``jku``, ``x5u`` and ``zip`` need no rule of their own: they are on no list.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from certs.base64url import decode
from certs.strict_object import read_object
from schemas.limits import HEADER_MAX_BYTES, TOKEN_MAX_BYTES
from schemas.reasons import ReasonCode, Refused

SIGNING_ALGORITHMS: Final = frozenset({"ES256", "PS256"})
TOKEN_HEADER: Final = frozenset({"alg", "typ", "kid"})
_SIGNATURE_MAX_CHARS: Final = 1024  # base64url characters; RSA 4096 needs 683
_REMEMBERED_HEADER_MAX_CHARS: Final = 512  # a token's header is the same for months; a message's never is
_HEADER_MAX_CHARS: Final = HEADER_MAX_BYTES * 4 // 3 + 4


@dataclass(frozen=True, slots=True)
class CompactToken:
    """A compact JWS taken apart, nothing of it verified yet."""

    header: Mapping[str, Any]
    signing_input: bytes  # RFC 7515 section 5.2 step 8
    payload: bytes
    signature: bytes
    raw: bytes

    @property
    def alg(self) -> str:
        """One of ``SIGNING_ALGORITHMS``."""
        return str(self.header["alg"])

    @property
    def kid(self) -> str:
        """The key's name as claimed; never a place to fetch a key from."""
        return str(self.header["kid"])


def parse_compact(
    token: bytes,
    *,
    typ: str,
    max_bytes: int = TOKEN_MAX_BYTES,
    header_allow: frozenset[str] = TOKEN_HEADER,
    optional: frozenset[str] = frozenset(),
) -> CompactToken:
    """Take a compact JWS apart (RFC 7515 section 7.1).

    Args:
        token: the bytes as they came.
        typ: the only kind of token that may pass this door.
        max_bytes: of the whole token.
        header_allow: the header must hold exactly these members,
        optional: and may hold these.

    Raises:
        Refused: RECORD_TOO_LARGE, TOKEN_MALFORMED, DUPLICATE_MEMBER, TOKEN_WRONG_TYPE, HEADER_NOT_ALLOWED,
            ALGORITHM_NOT_ALLOWED.
    """
    if len(token) > max_bytes:
        raise Refused(ReasonCode.RECORD_TOO_LARGE)
    parts = token.split(b".", 3)
    if len(parts) != 3:
        raise Refused(ReasonCode.TOKEN_MALFORMED, "parts")
    header = _header(parts[0])
    _check_header(header, typ, header_allow, optional)
    payload = _segment(parts[1], "payload")
    if len(parts[2]) > _SIGNATURE_MAX_CHARS:
        raise Refused(ReasonCode.TOKEN_MALFORMED, "signature")
    signature = _segment(parts[2], "signature")
    return CompactToken(header, token[: len(parts[0]) + 1 + len(parts[1])], payload, signature, token)


def _segment(text: bytes, where: str) -> bytes:
    try:
        return decode(text)
    except ValueError:
        raise Refused(ReasonCode.TOKEN_MALFORMED, where) from None


def _header(text: bytes) -> Mapping[str, Any]:
    if len(text) > _HEADER_MAX_CHARS:
        raise Refused(ReasonCode.TOKEN_MALFORMED, "header")
    return _remembered_header(text) if len(text) <= _REMEMBERED_HEADER_MAX_CHARS else _read_header(text)


def _read_header(text: bytes) -> Mapping[str, Any]:
    try:
        return read_object(_segment(text, "header"))
    except ValueError:
        raise Refused(ReasonCode.TOKEN_MALFORMED, "header") from None


_remembered_header: Final = lru_cache(maxsize=512)(_read_header)  # refusals are never remembered


def _check_header(header: Mapping[str, Any], typ: str, allowed: frozenset[str], optional: frozenset[str]) -> None:
    if header.get("typ") != typ:
        raise Refused(ReasonCode.TOKEN_WRONG_TYPE, "header.typ")
    if header.keys() - optional != allowed:
        raise Refused(ReasonCode.HEADER_NOT_ALLOWED, "header")
    alg = header["alg"]
    if not isinstance(alg, str) or alg not in SIGNING_ALGORITHMS:
        raise Refused(ReasonCode.ALGORITHM_NOT_ALLOWED, "header.alg")
    if not isinstance(header["kid"], str):
        raise Refused(ReasonCode.HEADER_NOT_ALLOWED, "header.kid")
