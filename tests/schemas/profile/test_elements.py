"""Times of any precision compared, and the places where references, times and numbers are looked for."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import CARRIES_THE_CASE, SUPPORTED, Event
from schemas.profile.paths import Watch, watched
from schemas.profile.rows import Ahead
from schemas.profile.rules.elements import earliest, is_after, latest
from tests.schemas.bundles import bundle_for, case_bundle, resource

MOMENTS = st.datetimes(
    min_value=datetime(1900, 1, 1),  # noqa: DTZ001
    max_value=datetime(2190, 1, 1),  # noqa: DTZ001
    timezones=st.timezones(),
)


def zoned(at: datetime) -> str:
    """The moment as FHIR writes it: whole minutes of offset."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


@given(MOMENTS, MOMENTS)
def test_moments_compare_as_moments_whatever_their_zone(one: datetime, other: datetime) -> None:
    one, other = one.replace(microsecond=0), other.replace(microsecond=0)
    assert is_after(zoned(one), other) is (one.astimezone(UTC) > other.astimezone(UTC))


@given(MOMENTS, st.sampled_from([4, 7, 10]))
def test_a_date_that_has_begun_somewhere_is_not_in_the_future(at: datetime, precision: int) -> None:
    here = at.astimezone(UTC).date()
    assert not is_after(here.isoformat()[:precision], at.astimezone(UTC))
    assert not is_after((here + timedelta(days=1)).isoformat()[:precision], at.astimezone(UTC))


@given(MOMENTS)
def test_a_date_two_days_on_is_in_the_future(at: datetime) -> None:
    utc = at.astimezone(UTC)
    assert is_after((utc.date() + timedelta(days=2)).isoformat(), utc)
    assert is_after(str(utc.year + 1), utc) is not ((utc.date() + timedelta(days=1)).year > utc.year)


@given(st.dates(min_value=date(1900, 1, 1), max_value=date(2190, 1, 1)), st.sampled_from([4, 7, 10]))
def test_the_span_of_a_partial_date_holds_all_its_moments(day: date, precision: int) -> None:
    text = day.isoformat()[:precision]
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    assert earliest(text) < noon < latest(text)
    assert latest(text) - earliest(text) <= timedelta(days={4: 369, 7: 34, 10: 4}[precision])


def test_a_whole_moment_is_one_point() -> None:
    text = "2026-11-22T10:20:00+07:00"
    assert earliest(text) == latest(text) == datetime(2026, 11, 22, 3, 20, tzinfo=UTC)


@pytest.mark.parametrize("event", sorted(SUPPORTED))
def test_every_reference_of_the_samples_is_looked_at(event: Event) -> None:
    """Every object with a ``reference``, found without the table, is at a place that the table knows."""

    def count(value: object) -> int:
        if isinstance(value, dict):
            return ("reference" in value) + sum(count(item) for item in value.values())
        return sum(count(item) for item in value) if isinstance(value, list) else 0

    bundle = bundle_for(event)
    looked_at = 0
    for entry in bundle["entry"]:
        found = entry["resource"]
        for name, spots in watched(event)[found["resourceType"]].items():
            for spot in spots:
                if spot.watch is Watch.REFERENCE and name in found:
                    looked_at += sum("reference" in value for value in spot.within(found[name]))
    assert looked_at == count(bundle) > 8


@pytest.mark.parametrize("event", sorted(SUPPORTED))
def test_places_are_reached_by_their_own_steps(event: Event) -> None:
    for kind, groups in watched(event).items():
        for name, spots in groups.items():
            for spot in spots:
                assert spot.steps[0][0] == name, kind
                assert spot.path.split(".")[0] == name
                assert spot.direct is (len(spot.steps) == 1 and not spot.steps[0][1])
                assert bool(spot.targets) is (spot.watch is Watch.REFERENCE)


def test_plans_and_validity_may_lie_in_the_future() -> None:
    free = {
        spot.path
        for groups in watched(Event.SUBMIT).values()
        for spots in groups.values()
        for spot in spots
        if spot.watch is Watch.TIME and spot.row.ahead is Ahead.FREE
    }
    assert free == set()  # they are not even looked at
    expected = {
        f"{kind}.{spot.path}"
        for kind, groups in watched(Event.SUBMIT).items()
        for spots in groups.values()
        for spot in spots
        if spot.watch is Watch.TIME and spot.row.ahead is Ahead.EXPECTED
    }
    assert expected == {"Task.authoredOn", "ServiceRequest.authoredOn", "Encounter.period.end"}


def test_a_place_finds_all_values_below_arrays() -> None:
    bundle = case_bundle()
    pressure = resource(bundle, "Observation", 4)
    spots = watched(Event.SUBMIT)["Observation"]["component"]
    values = [value for spot in spots if spot.watch is Watch.NUMBER for value in spot.within(pressure["component"])]
    assert values == [150, 90]


@pytest.mark.parametrize("event", sorted(CARRIES_THE_CASE))
def test_patients_are_looked_for_in_every_clinical_resource(event: Event) -> None:
    not_of_a_patient = {
        "MessageHeader",
        "Organization",
        "Practitioner",
        "PractitionerRole",
        "Provenance",
        "Patient",
    }
    for kind, groups in watched(event).items():
        patients = [spot for spots in groups.values() for spot in spots if spot.targets == {"Patient"}]
        assert bool(patients) is (kind not in not_of_a_patient), kind
