"""The frame around signed content is one JSON object, read strictly."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.strict_object import read_object
from schemas.reasons import ReasonCode, Refused

MEMBERS = st.dictionaries(
    st.text(max_size=8), st.one_of(st.text(max_size=8), st.integers(), st.lists(st.text(max_size=4)), st.booleans())
)


@given(MEMBERS)
def test_objects_come_back(value: dict[str, object]) -> None:
    assert read_object(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")) == value


@given(st.binary(max_size=60))
def test_anything_else_is_a_value_error_or_a_refusal(data: bytes) -> None:
    with contextlib.suppress(Refused, ValueError):
        assert isinstance(read_object(data), dict)


@pytest.mark.parametrize(
    "text",
    [
        b'{"alg":"none","alg":"ES256"}',
        b'{"a":{"b":1,"b":1}}',
        b'{"a":[{"b":1,"b":2}]}',
        b'{"alg":1,"\\u0061lg":2}',
    ],
)
def test_duplicate_members(text: bytes) -> None:
    with pytest.raises(Refused) as refused:
        read_object(text)
    assert refused.value.reason is ReasonCode.DUPLICATE_MEMBER


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b'"text"',
        b"1",
        b"null",
        b"{} {}",
        b"{",
        b"\xef\xbb\xbf{}",
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b"\xff{}",
        b'{"a":"' + b"\n" + b'"}',
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' + b"9" * 5_000 + b"}",
        "{}".encode("utf-16"),
    ],
)
def test_what_is_no_object(text: bytes) -> None:
    with pytest.raises(ValueError, match="not a JSON object"):
        read_object(text)
