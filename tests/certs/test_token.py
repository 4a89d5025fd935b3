"""The strict pre-parser."""

import contextlib
import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.base64url import encode
from certs.token import TOKEN_HEADER, parse_compact
from schemas.limits import HEADER_MAX_BYTES, TOKEN_MAX_BYTES
from schemas.reasons import ReasonCode, Refused

TYP = "lienvien-receipt+jws"
HEADER = {"alg": "ES256", "typ": TYP, "kid": "k" * 43}


def token(header: object = HEADER, payload: bytes = b"{}", signature: bytes = b"s" * 64) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return b".".join(map(encode, (text, payload, signature)))


def refusal(raw: bytes, **options: Any) -> tuple[ReasonCode, str]:
    with pytest.raises(Refused) as refused:
        parse_compact(raw, typ=TYP, **options)
    return refused.value.reason, refused.value.where


def test_the_parts() -> None:
    raw = token(payload=b'{"a":1}')
    parsed = parse_compact(raw, typ=TYP)
    assert parsed.header == HEADER
    assert (parsed.alg, parsed.kid) == ("ES256", "k" * 43)
    assert parsed.payload == b'{"a":1}'
    assert parsed.signature == b"s" * 64
    assert parsed.signing_input == raw.rsplit(b".", 1)[0]
    assert parsed.raw == raw


@given(st.binary(max_size=300), st.binary(min_size=1, max_size=100))
def test_any_payload_comes_back(payload: bytes, signature: bytes) -> None:
    parsed = parse_compact(token(payload=payload, signature=signature), typ=TYP)
    assert (parsed.payload, parsed.signature) == (payload, signature)


def test_size_is_looked_at_first() -> None:
    assert refusal(b"." * (TOKEN_MAX_BYTES + 1)) == (ReasonCode.RECORD_TOO_LARGE, "")
    raw = token()
    assert parse_compact(raw, typ=TYP, max_bytes=len(raw)).raw == raw
    assert refusal(raw, max_bytes=len(raw) - 1)[0] is ReasonCode.RECORD_TOO_LARGE


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"..",
        b".",
        b"a.b",
        token() + b".",
        token() + b".AAAA",
        token().replace(b".", b"..", 1),
        b"." + token(),
        token() + b"\n",
        b" " + token(),
        token().replace(b".", b"=.", 1),
        token() + b"==",
        json.dumps({"payload": "e30", "signatures": []}).encode(),
        json.dumps({"payload": "e30", "protected": "e30", "signature": "AAAA"}).encode(),
        token(signature=b"s" * 1_000),
    ],
)
def test_whatever_is_not_three_canonical_parts(raw: bytes) -> None:
    assert refusal(raw)[0] is ReasonCode.TOKEN_MALFORMED


@pytest.mark.parametrize(
    "header", [b"", b"[]", b"null", b'"x"', b"{", b"\xef\xbb\xbf{}", b"\xff", b'{"alg":NaN}', b"[" * 5_000]
)
def test_headers_that_are_no_object(header: bytes) -> None:
    assert refusal(token(header)) == (ReasonCode.TOKEN_MALFORMED, "header")


def test_a_header_of_any_size_beyond_the_limit_is_not_even_decoded() -> None:
    padded = json.dumps({**HEADER, "kid": "k" * HEADER_MAX_BYTES}).encode()
    assert refusal(token(padded)) == (ReasonCode.TOKEN_MALFORMED, "header")


@pytest.mark.parametrize(
    "header",
    [
        b'{"alg":"none","alg":"ES256","typ":"lienvien-receipt+jws","kid":"k"}',
        b'{"alg":"ES256","typ":"lienvien-receipt+jws","kid":"k","kid":"k"}',
        b'{"alg":"ES256","typ":"lienvien-receipt+jws","k\\u0069d":"a","kid":"k"}',
    ],
)
def test_duplicate_members(header: bytes) -> None:
    assert refusal(token(header))[0] is ReasonCode.DUPLICATE_MEMBER


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("crit", ["b64"]),
        ("b64", False),
        ("jwk", {"kty": "EC"}),
        ("jku", "http://127.0.0.1/keys"),
        ("x5u", "http://127.0.0.1/x5u"),
        ("x5c", ["AAAA"]),
        ("x5t", "AAAA"),
        ("zip", "DEF"),
        ("cty", "JSON"),
        ("iat", 1),
        ("", ""),
    ],
)
def test_members_off_the_list(name: str, value: object) -> None:
    assert refusal(token({**HEADER, name: value})) == (ReasonCode.HEADER_NOT_ALLOWED, "header")


@pytest.mark.parametrize("name", sorted(TOKEN_HEADER - {"typ"}))
def test_members_that_are_missing(name: str) -> None:
    header = {key: value for key, value in HEADER.items() if key != name}
    assert refusal(token(header)) == (ReasonCode.HEADER_NOT_ALLOWED, "header")


@pytest.mark.parametrize("typ", [None, "", "JWT", "lienvien-ack+jws", "LIENVIEN-RECEIPT+JWS", TYP + " ", 1, [TYP], {}])
def test_another_kind(typ: object) -> None:
    assert refusal(token({**HEADER, "typ": typ})) == (ReasonCode.TOKEN_WRONG_TYPE, "header.typ")


def test_a_header_without_kind() -> None:
    assert refusal(token({"alg": "ES256", "kid": "k"}))[0] is ReasonCode.TOKEN_WRONG_TYPE


@pytest.mark.parametrize(
    "alg",
    [
        "none",
        "None",
        "NONE",
        "HS256",
        "RS256",
        "ES384",
        "ES512",
        "PS384",
        "EdDSA",
        "Ed25519",
        "es256",
        "",
        None,
        1,
        ["ES256"],
    ],
)
def test_algorithms_off_the_list(alg: object) -> None:
    assert refusal(token({**HEADER, "alg": alg})) == (ReasonCode.ALGORITHM_NOT_ALLOWED, "header.alg")


@pytest.mark.parametrize("kid", [None, 1, ["k"], {"k": 1}, True])
def test_a_kid_is_text(kid: object) -> None:
    assert refusal(token({**HEADER, "kid": kid})) == (ReasonCode.HEADER_NOT_ALLOWED, "header.kid")


def test_a_kid_that_looks_like_a_place_is_only_a_name() -> None:
    for kid in ("../../etc/passwd", "http://127.0.0.1/", "' OR 1=1 --", "\0"):
        assert parse_compact(token({**HEADER, "kid": kid}), typ=TYP).kid == kid


def test_members_of_another_kind_of_token() -> None:
    wider = {**HEADER, "iat": 1}
    allowed = TOKEN_HEADER | {"iat"}
    assert parse_compact(token(wider), typ=TYP, header_allow=allowed).header["iat"] == 1
    assert refusal(token(), header_allow=allowed)[0] is ReasonCode.HEADER_NOT_ALLOWED
    optional = frozenset({"iat"})
    assert parse_compact(token(wider), typ=TYP, optional=optional).header["iat"] == 1
    assert parse_compact(token(), typ=TYP, optional=optional).header == HEADER


def test_a_remembered_header_is_judged_anew_for_every_kind() -> None:
    raw = token()
    parse_compact(raw, typ=TYP)
    with pytest.raises(Refused) as refused:
        parse_compact(raw, typ="lienvien-stamp+jws")
    assert refused.value.reason is ReasonCode.TOKEN_WRONG_TYPE


@given(st.binary(max_size=200))
def test_any_bytes(raw: bytes) -> None:
    with contextlib.suppress(Refused):
        parse_compact(raw, typ=TYP)
        raise AssertionError("random bytes passed as a token")


@given(st.data())
def test_every_single_change_is_seen(data: st.DataObject) -> None:
    """A change of one byte is refused, or changes what is parsed: no two spellings of one token."""
    raw = token(payload=b'{"verdict":"accepted"}')
    parsed = parse_compact(raw, typ=TYP)
    place = data.draw(st.integers(0, len(raw) - 1))
    changed = raw[:place] + data.draw(st.binary(max_size=2)) + raw[place + 1 :]
    if changed == raw:
        return
    with contextlib.suppress(Refused):
        other = parse_compact(changed, typ=TYP)
        assert (other.signing_input, other.signature) != (parsed.signing_input, parsed.signature)
        assert (other.header, other.payload, other.signature) != (parsed.header, parsed.payload, parsed.signature) or (
            other.signing_input != parsed.signing_input
        )


def test_refusals_never_hold_what_was_read() -> None:
    secret = "NGUYEN VAN CANARY"
    for raw in (
        token({**HEADER, "kid": 1, "x": secret}),
        token({**HEADER, secret: 1}),
        token({**HEADER, "typ": secret}),
        token({**HEADER, "alg": secret}),
        urlsafe_b64encode(secret.encode()) + b".e30.AAAA",
        secret.encode(),
    ):
        with pytest.raises(Refused) as refused:
            parse_compact(raw, typ=TYP)
        assert secret not in f"{refused.value} {refused.value.args} {refused.value.where}"
