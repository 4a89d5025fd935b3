"""From an export file to the outbox: each content once, corrections as updates, reasons for people, nothing half."""

import base64
import json
import re
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from connectors.sources.seen_files import Outcome
from connectors.store import files, transfers
from connectors.store.outbox_rows import OutState
from schemas.message import read_facts
from schemas.profile.gate import judge
from schemas.reasons import ReasonCode
from schemas.tokens.receipt import Verdict
from schemas.urgency import Priority
from tests.certs.pki import BAC_GIANG, BACH_MAI, make_pki
from tests.connectors.exchange_double import ExchangeDouble
from tests.connectors.exports import with_table
from tests.connectors.inbox_steps import read_all
from tests.connectors.intake_looks import findings, resource, send_all
from tests.connectors.intake_world import NOT_CONNECTED, DeskWorld, make_desk, register


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[DeskWorld]:
    made = await make_desk(tmp_path / "site", ExchangeDouble(make_pki(tmp_path / "pki")))
    register(made.world)
    made.world.introduce(BACH_MAI)
    made.world.introduce("01Z97")
    await read_all(made.world)
    yield made
    await made.world.close()


async def test_a_good_slip_becomes_a_sealed_message_for_its_destination(desk: DeskWorld) -> None:
    assert await desk.take(desk.slip()) is Outcome.TAKEN
    (row,) = await desk.rows()
    assert (row.state, row.event, row.recipient) == (OutState.READY, "transfer-submit", BACH_MAI)
    bundle = await desk.bundle(row.seq)
    facts = read_facts(bundle)
    assert judge(bundle, facts).refusals == ()
    assert (facts.sender, facts.recipient, facts.incarnation) == (BAC_GIANG, BACH_MAI, desk.world.site.incarnation)
    assert await desk.opened(row.seq, BACH_MAI)
    (transfer,) = await desk.world.database.read(transfers.recent)
    assert transfer.prepared_at is not None
    assert transfer.case_code == row.case_code
    assert "HOÀNG VĂN THỬ NGHIỆM" in transfer.patient


async def test_the_same_export_again_is_recognised_and_nothing_is_sent(desk: DeskWorld) -> None:
    data = desk.slip()
    await desk.take(data)
    assert await desk.take(data, "lan-hai.xml") is Outcome.REPEATED
    assert len(await desk.rows()) == 1


async def test_a_corrected_slip_is_an_update_of_the_same_transfer_with_its_difference(desk: DeskWorld) -> None:
    await desk.take(desk.slip(CHAN_DOAN_RV="Đau thắt ngực"))
    await desk.take(desk.slip(CHAN_DOAN_RV="Nhồi máu cơ tim cấp"), "sua.xml")
    first, second = await desk.rows()
    assert (second.event, second.case_id, second.transfer_id, second.case_code) == (
        "transfer-update",
        first.case_id,
        first.transfer_id,
        first.case_code,
    )
    bundle = await desk.bundle(second.seq)
    assert judge(bundle, read_facts(bundle)).refusals == ()
    entity = resource(bundle, "Provenance")["entity"][0]
    assert entity["what"]["identifier"]["value"] == first.message_id
    notes = [note["text"] for note in resource(bundle, "Task")["note"]]
    assert any("Đau thắt ngực" in text and "Nhồi máu cơ tim cấp" in text for text in notes)


async def test_updates_follow_one_another(desk: DeskWorld) -> None:
    for text in ("một", "hai", "ba"):
        await desk.take(desk.slip(CHAN_DOAN_RV=text), f"{text}.xml")
    first, second, third = await desk.rows()
    bundle = await desk.bundle(third.seq)
    assert resource(bundle, "Provenance")["entity"][0]["what"]["identifier"]["value"] == second.message_id
    assert first.event == "transfer-submit"


async def test_a_correction_back_to_the_first_content_is_a_correction_too(desk: DeskWorld) -> None:
    first, other = desk.slip(), desk.slip(CHAN_DOAN_RV="khác")
    for number, data in enumerate((first, other, first)):
        await desk.take(data, f"{number}.xml")
    assert [row.event for row in await desk.rows()] == ["transfer-submit", "transfer-update", "transfer-update"]


async def test_an_update_never_lowers_the_urgency(desk: DeskWorld) -> None:
    await desk.take(desk.slip(), at_least=Priority.STAT)
    await desk.take(desk.slip(CHAN_DOAN_RV="khác"), "sua.xml")
    assert [row.priority for row in await desk.rows()] == ["stat", "stat"]


async def test_a_folder_that_means_stat_makes_it_stat(desk: DeskWorld) -> None:
    await desk.take(desk.slip(), at_least=Priority.STAT)
    (row,) = await desk.rows()
    assert row.priority == "stat"


async def test_the_same_slip_in_a_more_urgent_folder_is_an_update(desk: DeskWorld) -> None:
    data = desk.slip()
    await desk.take(data)
    (row,) = await desk.rows()
    assert row.priority != "stat"
    await desk.take(data, "cap-cuu.xml", at_least=Priority.STAT)
    assert [(row.event, row.priority) for row in await desk.rows()][1] == ("transfer-update", "stat")


async def test_a_slip_number_used_for_another_patient_is_never_merged(desk: DeskWorld) -> None:
    await desk.take(desk.slip())
    other = desk.slip(HO_TEN="LÊ THỊ KHÁC", MA_LK="24001.999")
    await desk.take(other, "khac.xml")
    await desk.take(other, "khac-lan-hai.xml")
    first, second = await desk.rows()
    assert first.case_id != second.case_id
    assert second.event == "transfer-submit"


async def test_without_a_slip_number_episode_destination_and_day_tell_the_case(desk: DeskWorld) -> None:
    await desk.take(desk.slip(GIAY_CHUYEN_TUYEN=""))
    await desk.take(desk.slip(GIAY_CHUYEN_TUYEN="", CHAN_DOAN_RV="khác"), "sua.xml")
    first, second = await desk.rows()
    assert first.transfer_id == second.transfer_id


async def test_another_destination_for_a_known_slip_waits_for_a_person(desk: DeskWorld) -> None:
    await desk.take(desk.slip())
    await desk.take(desk.slip(destination="01Z97"), "noi-khac.xml")
    first, second = await desk.rows()
    assert (second.event, second.state, second.wait_reason) == (
        "transfer-submit",
        OutState.WAITING_PERSON,
        "destination-changed",
    )
    assert second.case_id == first.case_id
    assert second.transfer_id != first.transfer_id


async def test_a_correction_of_what_was_refused_is_submitted_anew(desk: DeskWorld) -> None:
    desk.world.exchange.verdict, desk.world.exchange.reason = Verdict.REFUSED, ReasonCode.PROFILE_VIOLATED
    await desk.take(desk.slip())
    await send_all(desk)
    assert (await desk.rows())[0].state == OutState.REFUSED
    await desk.take(desk.slip(CHAN_DOAN_RV="đã sửa"), "sua.xml")
    first, second = await desk.rows()
    assert (second.event, second.transfer_id) == ("transfer-submit", first.transfer_id)


async def test_an_old_slip_waits_for_a_yes(desk: DeskWorld) -> None:
    data = desk.slip()
    desk.world.clock.pass_(25 * 3600)
    await desk.take(data)
    (row,) = await desk.rows()
    assert (row.state, row.wait_reason) == (OutState.WAITING_PERSON, "slip-old")


async def test_without_the_destinations_key_it_waits_visibly(tmp_path: Path) -> None:
    desk = await make_desk(tmp_path / "site", ExchangeDouble(make_pki(tmp_path / "pki")))
    register(desk.world)
    await read_all(desk.world)
    await desk.take(desk.slip())
    (row,) = await desk.rows()
    assert row.state == OutState.WAITING_KEY
    await desk.world.close()


async def test_a_known_destination_that_is_not_connected_gets_a_form_to_print_and_a_phone(desk: DeskWorld) -> None:
    data = desk.slip(destination=NOT_CONNECTED)
    assert await desk.take(data) is Outcome.TAKEN
    (found,) = await findings(desk)
    assert (found.verdict, found.destination, found.phone) == ("not-connected", NOT_CONNECTED, "024 3869 3731")
    assert found.document is not None
    assert Path(found.document).read_bytes().startswith(b"%PDF")
    assert Path(found.document).parent.name == "to-print"
    assert await desk.rows() == []
    assert (await desk.world.database.read(files.finding_counts))["not-connected"] == 1
    await desk.take(data, "lan-hai.xml")
    assert len(desk.forms.rendered) == 1


# --- tables that are not read ---------------------------------------------------------------------------------------

CANARY = "CANARYGIAMHO"
_XML8 = f"""<CHI_TIEU_DU_LIEU_TOM_TAT_HO_SO_BENH_AN><MA_LK>{{0}}</MA_LK><HO_TEN_CHA>{CANARY} CHA</HO_TEN_CHA>
<HO_TEN_ME>{CANARY} ME</HO_TEN_ME><NGUOI_GIAM_HO>{CANARY}</NGUOI_GIAM_HO><QT_BENHLY>{CANARY} HIV B20</QT_BENHLY>
<GHI_CHU>{CANARY}</GHI_CHU></CHI_TIEU_DU_LIEU_TOM_TAT_HO_SO_BENH_AN>"""


@pytest.mark.parametrize("kind", ["XML8", ""])
@pytest.mark.parametrize("also", [None, "XML6"])
async def test_a_case_summary_with_its_guardians_neither_breaks_nor_leaves_the_hospital(
    desk: DeskWorld, kind: str, also: str | None
) -> None:
    data = with_table(desk.slip(1), kind, _XML8.format("x").encode())
    if also:
        data = with_table(data, also, f"<A>{CANARY}</A>".encode())
    assert await desk.take(data) is Outcome.TAKEN
    (row,) = await desk.rows()
    payload = json.dumps(await desk.bundle(row.seq), ensure_ascii=False)
    assert CANARY not in payload
    for attached in re.findall(r'"data": "([A-Za-z0-9+/=]+)"', payload):
        assert CANARY.encode() not in base64.b64decode(attached)
    assert CANARY not in repr(desk.forms.rendered)
    told = [stored.finding for stored in await desk.world.database.read(partial(files.open_findings, noted=True))]
    assert CANARY not in repr(told)
