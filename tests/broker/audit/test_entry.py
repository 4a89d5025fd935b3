"""An audit entry: canonical, salted, closed."""

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from broker.audit.actions import Action
from broker.audit.entry import NUMBER_FACTS, SALT_BYTES, TEXT_FACTS, commitment, leaf_hash, make_entry, read_entry
from schemas.events import Event
from schemas.reasons import ReasonCode

AT = datetime(2026, 11, 22, 9, 5, 38, 123_456, UTC)
SALT = bytes(range(32))
MESSAGE = "0b0e4f4e-6a5d-4b53-9f0a-2f1a5a0d1c11"


def test_entry_and_leaf_are_the_documented_bytes() -> None:
    made = make_entry("message-accepted", AT, {"message_id": MESSAGE, "event_seq": 1, "reason": None}, SALT)
    assert made.entry == (
        b'{"action":"message-accepted","at":"2026-11-22T09:05:38.123Z","event_seq":1,'
        b'"message_id":"0b0e4f4e-6a5d-4b53-9f0a-2f1a5a0d1c11","v":1}'
    )
    inner = hashlib.sha256(SALT + made.entry).digest()
    assert made.leaf_hash == hashlib.sha256(b"\x00" + inner).hexdigest()
    assert commitment(made.entry, SALT) == inner
    assert made.salt == SALT


def test_time_is_written_in_utc() -> None:
    vietnam = AT.astimezone(timezone(timedelta(hours=7)))
    assert make_entry(Action.HELD_RELEASED, vietnam, {}, SALT) == make_entry(Action.HELD_RELEASED, AT, {}, SALT)
    with pytest.raises(ValueError, match="zone"):
        make_entry(Action.HELD_RELEASED, AT.replace(tzinfo=None), {}, SALT)


def test_enum_members_become_plain_text() -> None:
    made = make_entry(
        Action.MESSAGE_REFUSED,
        AT,
        {"event": Event.SUBMIT, "reason": next(iter(ReasonCode)), "verdict": "refused"},
        SALT,
    )
    assert json.loads(made.entry)["event"] == "transfer-submit"


@pytest.mark.parametrize("code", list(ReasonCode))
def test_every_reason_code_fits(code: ReasonCode) -> None:
    assert json.loads(make_entry("message-refused", AT, {"reason": code}, SALT).entry)["reason"] == code.value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("patient", "Nguyễn Văn A"),
        ("where", "Patient.name"),
        ("display", "x"),
        ("message_id", MESSAGE.upper()),
        ("message_id", MESSAGE + "\n"),
        ("message_id", 7),
        ("facility", "Nguyễn"),
        ("facility", "24z01"),
        ("reason", "Bệnh nhân"),
        ("reason", "free text here"),
        ("flags", "one  two"),
        ("actor", "Bác sĩ Lan"),
        ("actor", "<script>"),
        ("record_sha256", "00"),
        ("topic", "xfer.submit.24001;"),
        ("offset", -1),
        ("offset", 2**53),
        ("offset", "12"),
        ("offset", True),
        ("offset", 1.5),
        ("appended_at", "2026-11-22"),
        ("case_code", "24Z01-2211-017"),
    ],
)
def test_anything_else_is_an_error_of_the_program(name: str, value: object) -> None:
    with pytest.raises(ValueError, match="audit fact") as caught:
        make_entry("message-refused", AT, {name: value}, SALT)  # type: ignore[dict-item]
    assert str(value) not in str(caught.value).replace(name, "")


def test_unknown_action_is_refused_and_not_echoed() -> None:
    with pytest.raises(ValueError, match="not an audit action") as caught:
        make_entry("Nguyễn Văn A", AT, {}, SALT)
    assert "Nguy" not in str(caught.value)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_salt_has_one_length(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        make_entry("message-refused", AT, {}, b"x" * length)


def test_no_name_has_two_forms_and_every_action_is_a_code() -> None:
    assert not NUMBER_FACTS & TEXT_FACTS.keys()
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)+", action) for action in Action)


_facts = st.fixed_dictionaries(
    {},
    optional={
        **{name: st.from_regex(form, fullmatch=True) for name, form in TEXT_FACTS.items()},
        **{name: st.integers(0, 2**53 - 1) for name in NUMBER_FACTS},
    },
)


@given(facts=_facts, action=st.sampled_from(Action), at=st.datetimes(timezones=st.just(UTC)))
def test_every_entry_is_in_rfc_8785_form(facts: dict[str, str | int], action: Action, at: datetime) -> None:
    made = make_entry(action, at.replace(year=max(at.year, 1000)), facts, SALT)
    read = json.loads(made.entry)
    assert rfc8785.dumps(read) == made.entry
    assert {name: read[name] for name in facts} == facts
    assert read_entry(made.entry) == read
    assert made.entry.isascii()


@given(a=st.binary(min_size=SALT_BYTES, max_size=SALT_BYTES), b=st.binary(min_size=SALT_BYTES, max_size=SALT_BYTES))
def test_another_salt_gives_another_leaf(a: bytes, b: bytes) -> None:
    made = make_entry("message-accepted", AT, {}, a)
    assert (leaf_hash(made.entry, b).hex() == made.leaf_hash) == (a == b)


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"[]",
        b"null",
        b'{"v":1, "action":"message-accepted","at":"2026-11-22T09:05:38.123Z"}',
        b'{"v":1,"action":"message-accepted","at":"2026-11-22T09:05:38.123Z"}',  # members not in order
        b'{"action":"message-accepted","action":"message-accepted","at":"2026-11-22T09:05:38.123Z","v":1}',
        b'{"action":"message-accepted","at":"2026-11-22T09:05:38.123Z","v":2}',
        b'{"action":"message-accepted","at":"2026-11-22T09:05:38.123Z","v":true}',
        b'{"action":"message-accepted","at":"2026-11-22T09:05:38Z","v":1}',
        b'{"action":"message-accepted","v":1}',
        b'{"action":"something","at":"2026-11-22T09:05:38.123Z","v":1}',
        b'{"action":"message-accepted","at":"2026-11-22T09:05:38.123Z","patient":"x","v":1}',
        b'{"action":"message-accepted","at":"2026-11-22T09:05:38.123Z","offset":"x","v":1}',
        b'{"action":"message-accepted","at":"2026-11-22T09:05:38.123Z","offset":null,"v":1}',
    ],
)
def test_an_entry_of_another_form_is_not_read(entry: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_entry(entry)
