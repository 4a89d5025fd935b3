"""Ready Bundles: read strictly, and whole."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sources.bundles import is_whole, read_bundle
from schemas.limits import BUNDLE_MAX_BYTES
from schemas.reasons import ReasonCode, Refused

GOOD = json.dumps({"resourceType": "Bundle", "type": "message", "entry": []}).encode()


def refusal(data: bytes) -> tuple[ReasonCode, str]:
    with pytest.raises(Refused) as caught:
        read_bundle(data)
    return caught.value.reason, caught.value.where


def test_bytes_stay_what_they_were() -> None:
    spaced = b" \n" + GOOD.replace(b":", b" : ") + b"\n"
    ready = read_bundle(spaced)

    assert ready.data == spaced
    assert ready.bundle["type"] == "message"


def test_nothing_of_it_is_printed() -> None:
    assert "Bundle" not in repr(read_bundle(GOOD)).removeprefix("ReadyBundle")


@pytest.mark.parametrize(
    ("data", "reason", "where"),
    [
        (b"", ReasonCode.FILE_EMPTY, "file"),
        (b"[]", ReasonCode.PROFILE_VIOLATED, "Bundle.resourceType"),
        (b'"Bundle"', ReasonCode.PROFILE_VIOLATED, "Bundle.resourceType"),
        (b'{"resourceType":"Patient"}', ReasonCode.PROFILE_VIOLATED, "Bundle.resourceType"),
        (b'{"resourceType":"Bundle","type":"document"}', ReasonCode.PROFILE_VIOLATED, "Bundle.type"),
        (b'{"resourceType":"Bundle"}', ReasonCode.PROFILE_VIOLATED, "Bundle.type"),
        (b"\xef\xbb\xbf" + GOOD, ReasonCode.JSON_MALFORMED, "byte order mark"),
        (GOOD.decode().encode("utf-16"), ReasonCode.JSON_MALFORMED, "byte 0"),
    ],
)
def test_anything_else_is_refused(data: bytes, reason: ReasonCode, where: str) -> None:
    assert refusal(data) == (reason, where)


def test_duplicate_member_is_refused() -> None:
    assert refusal(b'{"resourceType":"Bundle","type":"document","type":"message"}')[0] is ReasonCode.DUPLICATE_MEMBER


def test_limit_is_the_contracts_own() -> None:
    padding = b" " * (BUNDLE_MAX_BYTES - len(GOOD))
    read_bundle(GOOD + padding)

    assert refusal(GOOD + padding + b" ")[0] is ReasonCode.BUNDLE_TOO_LARGE


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(Refused):
        assert read_bundle(data).data == data


@given(st.integers(min_value=0, max_value=len(GOOD) - 1))
def test_every_beginning_is_not_whole(end: int) -> None:
    assert not is_whole(GOOD[:end])


@pytest.mark.parametrize("data", [GOOD, GOOD + b"\n", GOOD + b"\0\0", b"garbage", b"[1"])
def test_whole_or_hopeless_is_not_waited_for(data: bytes) -> None:
    assert is_whole(data)
