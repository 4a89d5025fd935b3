"""Topics, events, urgency, code lists and times: small closed lists that everything else rests on."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import limits, times, topics
from schemas.codes import lists, systems
from schemas.events import CARRIES_THE_CASE, NEVER_REFUSED, OPENS_A_TRANSFER, SUPPORTED, Event
from schemas.urgency import Kind, Priority, more_urgent


@pytest.mark.parametrize("make", [topics.submit_topic, topics.inbox_topic])
def test_a_topic_names_its_owner(make: object) -> None:
    assert callable(make)
    assert topics.facility_of_topic(make("24Z01")) == "24Z01"


def test_submit_and_inbox_are_two_topics() -> None:
    assert topics.submit_topic("24Z01") != topics.inbox_topic("24Z01")


@pytest.mark.parametrize(
    "topic", ["", "xfer.submit.", "xfer.submit.24z01", "xfer.other.24Z01", "Xfer.submit.24Z01", "xfer.submit.24Z01.x"]
)
def test_other_topics_belong_to_nobody(topic: str) -> None:
    with pytest.raises(ValueError, match="topic"):
        topics.facility_of_topic(topic)


def test_a_facility_submits_no_tokens_of_the_exchange() -> None:
    exchange = {"receipt", "notice", "void", "head"}
    assert exchange.isdisjoint({kind.value for kind in topics.SUBMITTED_TYPES})
    assert {kind.value for kind in topics.RecordType} == exchange | {kind.value for kind in topics.SUBMITTED_TYPES}


def test_events_of_the_first_release() -> None:
    assert CARRIES_THE_CASE <= SUPPORTED
    assert NEVER_REFUSED <= SUPPORTED
    assert Event.SUBMIT in OPENS_A_TRANSFER
    assert all(event.value.startswith("transfer-") for event in Event)


def test_smaller_ranks_go_first() -> None:
    assert sorted(Priority, key=lambda one: one.rank) == [Priority.STAT, Priority.URGENT, Priority.ROUTINE]
    assert "asap" not in set(Priority)


@given(st.sampled_from(Priority), st.sampled_from(Priority), st.sampled_from(Priority))
def test_nothing_lowers_an_urgency(one: Priority, other: Priority, third: Priority) -> None:
    raised = more_urgent(one, other)
    assert raised in (one, other)
    assert raised.rank <= min(one.rank, other.rank)
    assert more_urgent(one, other) == more_urgent(other, one)
    assert more_urgent(more_urgent(one, other), third) == more_urgent(one, more_urgent(other, third))


def test_every_code_has_two_names() -> None:
    for codes in (lists.LegalBasis, lists.DeclineReason, lists.CancelReason):
        for code in codes:
            vietnamese, english = lists.NAMES[code]
            assert vietnamese
            assert english


def test_names_are_of_codes_that_exist() -> None:
    known = {*lists.LegalBasis, *lists.DeclineReason, *lists.CancelReason, *lists.Tag, *Kind, *Priority}
    assert set(lists.NAMES) <= known


def test_addresses_are_different() -> None:
    found = {name: value for name, value in vars(systems).items() if name.isupper() and isinstance(value, str)}
    assert len(set(found.values())) == len(found) > 50
    assert all(value.startswith(("urn:", "http://")) or name == "PROFILE_VERSION" for name, value in found.items())


def test_profiles_carry_their_version() -> None:
    assert systems.profile_of("transfer-submit") == "urn:lienvien:profile:transfer-submit|1.0"
    assert systems.message_definition_of("transfer-submit") == "urn:lienvien:message-definition:transfer-submit|1.0"


MOMENTS = st.datetimes(timezones=st.timezones())


@given(MOMENTS)
def test_times_are_written_in_utc_with_milliseconds(at: datetime) -> None:
    try:
        utc = at.astimezone(UTC)
    except OverflowError:
        return
    if utc.year < 1000:
        return
    text = times.iso(at)
    assert text.endswith("Z")
    assert len(text) == 24
    assert abs(times.parse_iso(text) - utc) < timedelta(milliseconds=1)


def test_times_without_zone_are_errors() -> None:
    with pytest.raises(ValueError, match="zone"):
        times.iso(datetime(2026, 11, 22))  # noqa: DTZ001
    with pytest.raises(ValueError, match="zone"):
        times.parse_iso("2026-11-22T10:20:00")
    with pytest.raises(ValueError, match="Invalid"):
        times.parse_iso("yesterday")


def test_another_zone_is_the_same_time() -> None:
    hanoi = datetime(2026, 11, 22, 17, 20, tzinfo=timezone(timedelta(hours=7)))
    assert times.iso(hanoi) == "2026-11-22T10:20:00.000Z"
    assert times.parse_iso("2026-11-22T17:20:00+07:00") == hanoi


def test_limits_that_depend_on_one_another() -> None:
    assert limits.ENVELOPE_MAX_BYTES + 64 * limits.KIB <= limits.SUBMIT_TOPIC_MAX_BYTES
    assert limits.ENVELOPE_MAX_BYTES + limits.STAMP_MAX_BYTES < limits.INBOX_TOPIC_MAX_BYTES
    assert limits.BUNDLE_MAX_BYTES * 1.8 <= limits.ENVELOPE_MAX_BYTES
    assert limits.INBOX_TOPIC_MAX_BYTES < limits.SOCKET_REQUEST_MAX_BYTES
    assert limits.LANE_OWNER_STOPS_AFTER < limits.LANE_STILL_BEFORE_TAKEOVER
    assert limits.SUBMIT_RETENTION < limits.IAT_MAX_AGE < limits.INBOX_RETENTION
    assert limits.TEXT_MAX_CHARS <= limits.STRING_MAX_CHARS
