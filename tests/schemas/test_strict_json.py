"""Strict JSON: one reading of one message, and no message that two readers could read differently."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import strict_json
from schemas.reasons import ReasonCode, Refused

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**14), 10**14) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=30,
)


def refusal(data: bytes, **more: int) -> Refused:
    with pytest.raises(Refused) as raised:
        strict_json.loads(data, **more)
    return raised.value


@given(VALUES, st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_whatever_json_writes_is_read_back(value: Any, ascii_only: bool, indent: int | str | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    if "\\u0000" in text.replace("\\\\", ""):
        return
    assert strict_json.loads(text.encode("utf-8")) == value


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":2}',
        '{"a":1,"b":{"c":1,"c":1}}',
        '{"a" : 1, "a" : 1}',
        '{"a":1,"\\u0061":2}',
        '{"\\u0061":1,"a":":"}',
        '{"a":1,"a":":","b":"\\u003a"}',
        '[{"a":[{"b":1,"b":[]}]}]',
        '{"":1,"":1}',
        '{"a":{},"a":{}}',
        '{"a:":1,"a:":":::"}',
        '{"a"\n:1,"a"\t:2}',
    ],
)
def test_duplicate_members_are_refused(text: str) -> None:
    assert refusal(text.encode()).reason is ReasonCode.DUPLICATE_MEMBER


NAMES = st.sampled_from(["a", "b", ":", "a:", '"', '":', " ", "\\", "\u00e9"])


@st.composite
def _objects(draw: st.DrawFn, depth: int = 0) -> str:
    """JSON text with members that may repeat, written with blanks and escapes at will."""
    members = []
    for _ in range(draw(st.integers(0, 3))):
        value = draw(_objects(depth + 1)) if depth < 2 and draw(st.booleans()) else json.dumps(draw(NAMES))
        name = json.dumps(draw(NAMES), ensure_ascii=draw(st.booleans()))
        if draw(st.booleans()):
            name = name.replace(":", "\\u003A")
        members.append(f"{name}{draw(st.sampled_from(['', ' ', chr(10)]))}:{value}")
    return "{" + ",".join(members) + "}"


def _has_duplicates(text: str) -> bool:
    found = []

    def hook(pairs: list[tuple[str, Any]]) -> None:
        found.append(len(dict(pairs)) != len(pairs))

    json.loads(text, object_pairs_hook=hook)
    return any(found)


@given(_objects())
def test_duplicates_are_found_however_they_are_written(text: str) -> None:
    """The quick way (colons counted) agrees with the slow one (every object asked)."""
    if _has_duplicates(text):
        assert refusal(text.encode()).reason is ReasonCode.DUPLICATE_MEMBER
    else:
        assert strict_json.loads(text.encode()) == json.loads(text)


@pytest.mark.parametrize(
    ("data", "reason", "where"),
    [
        (b"", ReasonCode.JSON_MALFORMED, "character 0"),
        (b"{", ReasonCode.JSON_MALFORMED, "character 1"),
        (b"{} {}", ReasonCode.JSON_MALFORMED, "character 3"),
        (b"{'a':1}", ReasonCode.JSON_MALFORMED, "character 1"),
        (b"[1,]", ReasonCode.JSON_MALFORMED, "character 3"),
        (b"[01]", ReasonCode.JSON_MALFORMED, "character 2"),
        (b'["a\nb"]', ReasonCode.JSON_MALFORMED, "character 3"),
        (b'["a\x00b"]', ReasonCode.JSON_MALFORMED, "character 3"),
        (b"NaN", ReasonCode.JSON_MALFORMED, "number"),
        (b"[Infinity]", ReasonCode.JSON_MALFORMED, "number"),
        (b"[-Infinity]", ReasonCode.JSON_MALFORMED, "number"),
        (b"\xef\xbb\xbf{}", ReasonCode.JSON_MALFORMED, "byte order mark"),
        (b'["\xff"]', ReasonCode.JSON_MALFORMED, "byte 2"),
        (b'["\xed\xa0\x80"]', ReasonCode.JSON_MALFORMED, "byte 2"),
        ("{}".encode("utf-16"), ReasonCode.JSON_MALFORMED, "byte 0"),
        (b"\xff\xfe{\x00}\x00", ReasonCode.JSON_MALFORMED, "byte 0"),
        (b"[" + b"1" * 65 + b"]", ReasonCode.JSON_MALFORMED, "number"),
        (b"[0." + b"1" * 64 + b"]", ReasonCode.JSON_MALFORMED, "number"),
        (b"[1e" + b"1" * 64 + b"]", ReasonCode.JSON_MALFORMED, "number"),
        (b'["\\u0000"]', ReasonCode.CHARACTER_NOT_ALLOWED, ""),
        (b'{"\\u0000":1}', ReasonCode.CHARACTER_NOT_ALLOWED, ""),
        (b'["\\ud800"]', ReasonCode.CHARACTER_NOT_ALLOWED, ""),
        (b'["\\udfff\\ud800"]', ReasonCode.CHARACTER_NOT_ALLOWED, ""),
        (b'[["x", {"a": ["\\uD800"]}]]', ReasonCode.CHARACTER_NOT_ALLOWED, ""),
    ],
)
def test_refusals_name_a_position_and_never_content(data: bytes, reason: ReasonCode, where: str) -> None:
    refused = refusal(data)
    assert (refused.reason, refused.where) == (reason, where)


@pytest.mark.parametrize("text", ['["\\ud83d\\ude00"]', '["\\\\u0000"]', '["\\u00e9"]', '["\\uFFFD"]'])
def test_escapes_that_mean_a_character_pass(text: str) -> None:
    assert strict_json.loads(text.encode()) == json.loads(text)


def _nested(depth: int, inner: str = "") -> bytes:
    return ("[" * depth + inner + "]" * depth).encode()


@pytest.mark.parametrize("inner", ["", "1", '"x"', "{}" * 0])
def test_depth_is_counted_in_containers(inner: str) -> None:
    assert strict_json.loads(_nested(40, inner)) is not None
    assert refusal(_nested(41, inner)).reason is ReasonCode.JSON_TOO_DEEP


@pytest.mark.parametrize(("depth", "limit"), [(1, 1), (3, 3), (7, 8)])
def test_depth_of_objects_and_arrays_mixed(depth: int, limit: int) -> None:
    text: Any = 1
    for level in range(depth):
        text = {"a": text} if level % 2 else [text]
    data = json.dumps(text).encode()
    assert strict_json.loads(data, max_depth=limit) == text
    assert refusal(data, max_depth=depth - 1).reason is ReasonCode.JSON_TOO_DEEP


@pytest.mark.parametrize("depth", [300, 2_000, 100_000])
@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_nesting_beyond_any_stack_is_refused(depth: int, opening: bytes) -> None:
    closing = b"]" if opening == b"[" else b"}"
    data = opening * depth + b"1" + closing * depth
    refused = refusal(data, max_bytes=10**7)
    assert refused.reason is ReasonCode.JSON_TOO_DEEP


def test_brackets_inside_texts_are_no_depth() -> None:
    text = json.dumps(["[" * 100 + "\n" + " " * 200 + "{" * 100])
    assert strict_json.loads(text.encode()) == json.loads(text)


def test_size_is_looked_at_first() -> None:
    assert refusal(b"x" * 11, max_bytes=10).reason is ReasonCode.BUNDLE_TOO_LARGE
    assert strict_json.loads(b'"12345678"', max_bytes=10) == "12345678"


@pytest.mark.parametrize(
    "text", ["1.50", "36.80", "0.1", "1E2", "-1e-7", "1.0", "9007199254740993", "-123456789012345678"]
)
def test_numbers_keep_their_digits(text: str) -> None:
    """A written precision is meaningful; a double would lose it, or the last digits."""
    value = strict_json.loads(f"[{text}]".encode())[0]
    assert isinstance(value, Decimal)
    assert value == Decimal(text)
    assert str(value) == str(Decimal(text))


@pytest.mark.parametrize("text", ["0", "-0", "42", "123456789012345", "-1"])
def test_small_integers_are_integers(text: str) -> None:
    value = strict_json.loads(text.encode())
    assert type(value) is int
    assert value == int(text)


def test_nothing_of_the_content_is_in_the_exception() -> None:
    secret = "NGUYEN VAN BI MAT"
    for text in (f'{{"{secret}":1,"{secret}":2}}', f'["{secret}\\u0000"]', f'["{secret}" x]'):
        refused = refusal(text.encode())
        assert secret not in str(refused)
        assert refused.__suppress_context__ or refused.__context__ is None
