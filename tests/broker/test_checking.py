"""Checking is total: whatever a proven sender signs, the answer is a message or a fault, never an exception."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from broker.stages.checking import CheckedMessage, FaultyMessage, check
from broker.stages.submission import Record, Submission, pointer_to
from broker.stages.verifying import VerifiedSubmission
from certs.verify_message import VerifiedMessage
from schemas.codes.lists import Tag
from schemas.events import Event
from schemas.reasons import ReasonCode
from schemas.topics import RecordType, submit_topic
from tests.broker.messages import message, new_case
from tests.schemas.bundles import SENDER

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
SECRET = b"s" * 32
SUBMIT = json.loads(message(new_case()).payload)
ACCEPT = json.loads(message(new_case(), Event.ACCEPT).payload)


def _verified(payload: bytes, signer: str = SENDER) -> VerifiedSubmission:
    record = Record(submit_topic(signer), 0, 0, b"sealed", (), NOW)
    submission = Submission(record, pointer_to(record), signer, RecordType.ENVELOPE)
    digest = hashlib.sha256(payload).hexdigest()
    iat = int(datetime.now(UTC).timestamp())
    return VerifiedSubmission(submission, VerifiedMessage(payload, digest, signer, "kid", "ES256", iat, frozenset()))


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        found += _places(child, (*path, key))
    return found


PLACES = {id(SUBMIT): _places(SUBMIT), id(ACCEPT): _places(ACCEPT)}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=12) | st.just("urn:uuid:x"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["resource", "id", "url", "x"]), inner),
    max_leaves=6,
)


@settings(max_examples=400, deadline=None)
@given(st.data(), st.sampled_from([SUBMIT, ACCEPT]))
def test_a_bundle_with_anything_anywhere_gets_an_answer(data: st.DataObject, bundle: dict[str, Any]) -> None:
    changed = json.loads(json.dumps(bundle))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(PLACES[id(bundle)]))
        place = changed
        for key in path[:-1]:
            place = _child(place, key)
        _change(place, path[-1], data)
    payload = json.dumps(changed).encode("utf-8", "surrogatepass")
    found = check(_verified(payload), SECRET)
    assert isinstance(found, CheckedMessage | FaultyMessage)
    assert found.payload_sha256 == hashlib.sha256(payload).hexdigest()


def _child(place: Any, key: Any) -> Any:
    """What is still there, after earlier changes."""
    if isinstance(place, dict):
        return place.get(key)
    return place[key] if isinstance(place, list) and isinstance(key, int) and key < len(place) else None


def _change(place: Any, key: Any, data: st.DataObject) -> None:
    if isinstance(place, dict):
        if data.draw(st.booleans()):
            place.pop(key, None)
        else:
            place[key] = data.draw(ANYTHING)
    elif isinstance(place, list) and isinstance(key, int) and key < len(place):
        place[key] = data.draw(ANYTHING)


@given(st.binary(max_size=200) | st.text().map(str.encode) | ANYTHING.map(lambda one: json.dumps(one).encode()))
def test_any_bytes_get_an_answer(payload: bytes) -> None:
    found = check(_verified(payload), SECRET)
    assert isinstance(found, FaultyMessage)
    assert found.message_id is None


def test_content_is_recognised_by_its_sender_and_nothing_else() -> None:
    made = message(new_case())
    first, again = (check(_verified(made.payload), secret) for secret in (SECRET, SECRET))
    other_key = check(_verified(made.payload), b"t" * 32)
    assert isinstance(first, CheckedMessage)
    assert isinstance(again, CheckedMessage)
    assert isinstance(other_key, CheckedMessage)
    assert first.duplicate_key == again.duplicate_key != other_key.duplicate_key
    assert first.duplicate_key != first.content_sha256
    answer = check(_verified(message(new_case(), Event.DEPARTED).payload), SECRET)
    assert isinstance(answer, CheckedMessage)
    assert answer.duplicate_key is None, "two people may say the same thing twice"


def test_an_incomplete_stat_message_travels_marked() -> None:
    made = message(new_case(), priority="stat")
    bundle = json.loads(made.payload)
    bundle["entry"] = [one for one in bundle["entry"] if one["resource"]["resourceType"] != "AllergyIntolerance"]
    found = check(_verified(json.dumps(bundle).encode()), SECRET)
    assert isinstance(found, CheckedMessage)
    assert Tag.INCOMPLETE in found.tags


def test_the_signer_decides_who_sent_it() -> None:
    found = check(_verified(message(new_case()).payload, "20Z01"), SECRET)
    assert isinstance(found, FaultyMessage)
    assert (found.reason, found.where) == (ReasonCode.SENDER_MISMATCH, "MessageHeader.sender")


def test_the_case_code_is_taken_when_it_is_one() -> None:
    case = new_case()
    found = check(_verified(message(case).payload), SECRET)
    assert isinstance(found, CheckedMessage)
    assert found.case_code == case.code
