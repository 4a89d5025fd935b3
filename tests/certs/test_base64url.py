"""One value, one spelling."""

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.base64url import decode, decode_standard, decode_text, encode

ALPHABET = re.compile(rb"[A-Za-z0-9_-]*")


def reference(text: bytes) -> bytes | None:
    """The slow, obvious reader: RFC 4648 section 5 without padding, and only what it would write itself."""
    if ALPHABET.fullmatch(text) is None or len(text) % 4 == 1:
        return None
    data = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    return data if base64.urlsafe_b64encode(data).rstrip(b"=") == text else None


def ours(text: bytes) -> bytes | None:
    try:
        return decode(text)
    except ValueError:
        return None


@given(st.binary(max_size=200))
def test_round_trip(data: bytes) -> None:
    assert decode(encode(data)) == data


@given(st.binary(max_size=40))
def test_any_bytes_agree_with_the_obvious_reader(text: bytes) -> None:
    assert ours(text) == reference(text)


@given(st.text(alphabet='ABwxz019-_+/=\\"u \n\0é', max_size=24))
def test_near_misses_agree_with_the_obvious_reader(text: str) -> None:
    assert ours(text.encode()) == reference(text.encode())


@given(st.binary(min_size=1, max_size=60), st.data())
def test_no_second_spelling(data: bytes, draw: st.DataObject) -> None:
    text = encode(data)
    place = draw.draw(st.integers(0, len(text) - 1))
    other = draw.draw(st.integers(0, 255).filter(lambda value: value != text[place]))
    changed = text[:place] + bytes([other]) + text[place + 1 :]
    assert ours(changed) != data


@pytest.mark.parametrize(
    "text",
    [
        b"A",
        b"AB",
        b"AAB",
        b"AA==",
        b"AAA=",
        b"+_8A",
        b"a/8A",
        b" AAA",
        b"AAA\n",
        b"\\u0041AAA",
        b'A"A',
        b"\xff\xfeAA",
        b"AA.A",
    ],
)
def test_refused_spellings(text: bytes) -> None:
    with pytest.raises(ValueError, match="not base64url"):
        decode(text)


def test_errors_never_hold_the_text() -> None:
    with pytest.raises(ValueError, match="not base64url") as error:
        decode(b"bi mat benh nhan")
    assert "benh" not in str(error.value)
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__


@pytest.mark.parametrize("value", [None, 1, True, b"QQ", ["QQ"], {}, "é", "QQ=="])
def test_members_must_be_text(value: object) -> None:
    with pytest.raises(ValueError, match="not base64url"):
        decode_text(value)


def test_members() -> None:
    assert decode_text("QQ") == b"A"
    assert decode_text("") == b""


@given(st.binary(max_size=100))
def test_standard_round_trip(data: bytes) -> None:
    assert decode_standard(base64.b64encode(data).decode()) == data


@pytest.mark.parametrize("value", ["QQ", "QR==", "QQ==\n", "QQ= =", "-_8=", "é", 3, None, b"QQ=="])
def test_standard_refuses_every_other_spelling(value: object) -> None:
    with pytest.raises(ValueError, match="not base64"):
        decode_standard(value)
