"""Intake with a broken workshop, after crashes, and with every bad sample."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.case_of_slip import Meaning
from connectors.sources.seen_files import Outcome
from connectors.store import case_keys, outbox_rows
from connectors.store.files import StoredSeenFiles
from connectors.store.outbox_rows import OutState
from schemas.codes import systems
from schemas.message import read_facts
from schemas.urgency import Priority
from tests.certs.pki import BAC_GIANG, BACH_MAI, make_pki
from tests.connectors.exchange_double import ExchangeDouble
from tests.connectors.inbox_steps import read_all
from tests.connectors.intake_looks import BAD, number, resource
from tests.connectors.intake_world import DeskWorld, make_desk, register
from tests.connectors.site_world import CrashError, CrashingStore


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[DeskWorld]:
    made = await make_desk(tmp_path / "site", ExchangeDouble(make_pki(tmp_path / "pki")))
    register(made.world)
    made.world.introduce(BACH_MAI)
    made.world.introduce("01Z97")
    await read_all(made.world)
    yield made
    await made.world.close()


async def test_a_dead_workshop_keeps_no_emergency_back(desk: DeskWorld) -> None:
    desk.forms.broken = True
    assert await desk.take(desk.slip(), at_least=Priority.STAT) is Outcome.TAKEN
    (row,) = await desk.rows()
    bundle = await desk.bundle(row.seq)
    attachment = resource(bundle, "DocumentReference")["content"][0]["attachment"]
    assert attachment["contentType"].startswith("text/plain")


async def test_fhirs_objection_is_told_and_stops_nothing(desk: DeskWorld) -> None:
    desk.forms.faults = ("Bundle.entry.3.resource",)
    assert await desk.take(desk.slip()) is Outcome.TAKEN


async def test_a_signed_form_beside_the_export_travels_byte_for_byte(desk: DeskWorld) -> None:
    import base64

    pdf = b"%PDF-1.7\nsigned\n%%EOF\n"
    await desk.intake.take(desk.file(desk.slip(), pdf=pdf), None)
    (row,) = await desk.rows()
    bundle = await desk.bundle(row.seq)
    contents = [
        base64.b64decode(e["resource"]["content"][0]["attachment"]["data"])
        for e in bundle["entry"]
        if e["resource"]["resourceType"] == "DocumentReference"
    ]
    assert pdf in contents


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", [1, 2])
async def test_a_crash_in_the_middle_sends_nothing_twice_and_nothing_never(
    desk: DeskWorld, at: int, after: bool
) -> None:
    data = desk.slip()
    desk.world.site.store = CrashingStore(desk.world.database, at=at, after=after)
    with pytest.raises(CrashError):
        await desk.take(data)
    await desk.restart()
    seen = StoredSeenFiles(desk.world.database)
    if not await seen.judged([desk.file(data).identity.key]):
        await desk.take(data)  # the folder offers it again
    (row,) = await desk.rows()
    assert row.event == "transfer-submit"
    known = await desk.world.database.read(lambda c: case_keys.known_case(c, f"{BAC_GIANG}|slip|{number(data)}"))
    assert known is not None
    assert known.submit_message_id == row.message_id


async def test_counters_of_one_incarnation_are_never_given_twice(desk: DeskWorld) -> None:
    for serial in range(1, 4):
        await desk.take(desk.slip(serial), f"{serial}.xml")
    await desk.restart()
    await desk.take(desk.slip(4), "4.xml")
    counters = [read_facts(await desk.bundle(row.seq)).counter for row in await desk.rows()]
    assert len(set(counters)) == 4
    codes = [row.case_code for row in await desk.rows()]
    assert len(set(codes)) == 4


@pytest.mark.parametrize("path", sorted(BAD.glob("*.xml"))[:60], ids=lambda path: path.name)
async def test_no_bad_sample_breaks_the_intake(desk: DeskWorld, path: Path) -> None:
    await desk.take(path.read_bytes(), path.name)
    for row in await desk.rows():
        assert row.state != OutState.READY or await desk.opened(row.seq, row.recipient)


def test_meanings_are_a_closed_list() -> None:
    assert {meaning.value for meaning in Meaning} == {"new", "same", "update", "again", "new-offer"}


def test_case_codes_stand_where_people_look() -> None:
    assert systems.CASE_CODE.startswith("urn:lienvien:")


async def test_outbox_rows_name_their_source(desk: DeskWorld) -> None:
    await desk.take(desk.slip(), "phieu-7.xml")
    (row,) = await desk.rows()
    assert row.source == "/xuat/phieu-7.xml"
    counts = await desk.world.database.read(outbox_rows.counts)
    assert counts == {"ready": 1}
