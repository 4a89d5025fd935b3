"""What intake refuses or merely notes: reasons for people, and no value of a patient in them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.intake import Intake
from connectors.papers import Papers
from connectors.sources.folder import FileRefused, FilesLeftOut
from connectors.sources.seen_files import FileIdentity, Outcome
from connectors.store import files
from connectors.store.files import StoredSeenFiles
from schemas.codes.lists import LegalBasis
from schemas.reasons import ReasonCode
from tests.certs.pki import BACH_MAI, make_pki
from tests.connectors.exchange_double import ExchangeDouble
from tests.connectors.exports import in_one_file
from tests.connectors.inbox_steps import read_all
from tests.connectors.intake_looks import findings
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


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"no xml at all", ReasonCode.FILE_NOT_XML),
        (b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><GIAMDINHHS/>', ReasonCode.DOCTYPE_REFUSED),
    ],
)
async def test_a_file_that_cannot_be_read_gets_a_reason_in_both_languages(
    desk: DeskWorld, data: bytes, reason: ReasonCode
) -> None:
    assert await desk.take(data) is Outcome.REFUSED
    (found,) = await findings(desk)
    assert (found.verdict, found.findings[0]["reason"]) == ("refused", reason)
    assert found.document is not None
    text = Path(found.document).read_text(encoding="utf-8")
    for part in ("KHÔNG GỬI ĐƯỢC / NOT SENT", "/xuat/phieu.xml", found.findings[0]["vi"], found.findings[0]["en"]):
        assert part in text
    assert await desk.rows() == []


async def test_a_slip_without_diagnosis_is_refused_and_its_correction_clears_it(desk: DeskWorld) -> None:
    bad = desk.slip(CHAN_DOAN_RV="", MA_BENH_CHINH="", MA_BENH_KT="")
    assert await desk.take(bad) is Outcome.REFUSED
    (found,) = await findings(desk)
    assert found.slip_number
    await desk.take(desk.slip(), "sua.xml")
    assert await findings(desk) == []
    assert len(await desk.rows()) == 1


async def test_no_value_of_the_patient_stands_in_a_reason(desk: DeskWorld) -> None:
    await desk.take(desk.slip(HO_TEN="CANARY NGUYỄN", CHAN_DOAN_RV="", MA_BENH_CHINH="CANARYICD", MA_BENH_KT=""))
    (found,) = await findings(desk)
    assert found.document is not None
    assert "CANARY" not in Path(found.document).read_text(encoding="utf-8")
    assert "CANARY" not in str(found.findings)


async def test_without_a_legal_ground_nothing_is_sent(tmp_path: Path) -> None:
    desk = await make_desk(tmp_path / "site", ExchangeDouble(make_pki(tmp_path / "pki")))
    settings = desk.world.site.settings
    desk.world.site.settings = settings.model_copy(
        update={"sending": settings.sending.model_copy(update={"legal": settings.sending.legal[1:]})}
    )
    desk.intake = Intake(desk.world.site, desk.forms, Papers(tmp_path / "site" / "data"))
    assert desk.world.site.settings.sending.legal[0].basis is LegalBasis.EMERGENCY
    register(desk.world)
    await read_all(desk.world)
    routine = desk.slip(HUONG_DIEU_TRI="Chuyển chụp", PHUONGTIEN_VC="", CHUCDANH_NGUOI_HT="", HOTEN_NGUOI_HT="")
    await desk.take(routine)
    (found,) = await findings(desk)
    assert found.findings[0]["reason"] == ReasonCode.LEGAL_BASIS_MISSING
    await desk.world.close()


async def test_a_file_without_a_slip_is_left_in_peace(desk: DeskWorld) -> None:
    data = b'<?xml version="1.0"?><GIAMDINHHS><THONGTINDONVI><MACSKCB>24001</MACSKCB></THONGTINDONVI></GIAMDINHHS>'
    outcome = await desk.take(data)
    assert outcome in (Outcome.NO_TRANSFER, Outcome.REFUSED)
    assert await desk.rows() == []


async def test_several_slips_in_one_file_stand_each_on_its_own(desk: DeskWorld) -> None:
    good, bad = desk.slip(1), desk.slip(2, CHAN_DOAN_RV="", MA_BENH_CHINH="", MA_BENH_KT="")
    assert await desk.take(in_one_file(good, bad)) is Outcome.TAKEN
    assert len(await desk.rows()) == 1
    (found,) = await findings(desk)
    assert found.position == 2


async def test_a_file_of_many_slips_is_written_in_portions_and_comes_again_after_a_crash(desk: DeskWorld) -> None:
    whole = in_one_file(*(desk.slip(serial) for serial in range(1, 21)))
    desk.world.site.store = CrashingStore(desk.world.database, at=14, after=True)
    with pytest.raises(CrashError):
        await desk.take(whole)
    assert 0 < len(await desk.rows()) < 20
    await desk.restart()
    assert await desk.take(whole) is Outcome.TAKEN
    rows = await desk.rows()
    assert [row.event for row in rows] == ["transfer-submit"] * 20
    assert len({row.case_id for row in rows}) == 20
    assert (await desk.world.database.read(files.file_counts)) == {"taken": 1}


async def test_what_the_receiver_will_miss_is_noted_and_weighs_nothing(desk: DeskWorld) -> None:
    await desk.take(desk.slip(HO_TEN="HOÀNG VĂN THỬ NGHIỆM", DIA_CHI=""))
    assert await findings(desk) == []
    noted = await desk.world.database.read(lambda c: files.open_findings(c, noted=True))
    assert all(stored.finding.verdict == "noted" for stored in noted)
    assert any(item["severity"] == "note" for stored in noted for item in stored.finding.findings)


async def test_what_the_folder_refuses_is_told_and_recorded_only_when_it_lasts(desk: DeskWorld) -> None:
    for name, lasting in (("lon.xml", True), ("khong-doc.xml", False)):
        identity = FileIdentity(f"/xuat/{name}", 10, 1, "")
        await desk.intake.refused(FileRefused(identity, ReasonCode.FILE_TOO_LARGE, lasting))
    seen = StoredSeenFiles(desk.world.database)
    keys = [FileIdentity(f"/xuat/{name}", 10, 1, "").key for name in ("lon.xml", "khong-doc.xml")]
    assert await seen.judged(keys) == {keys[0]}
    assert len(await findings(desk)) == 2


async def test_files_from_before_the_first_start_are_only_noted(desk: DeskWorld) -> None:
    identities = tuple(FileIdentity(f"/xuat/{n}.xml", n, n, "") for n in range(3))
    await desk.intake.left_out(FilesLeftOut(identities))
    assert (await desk.world.database.read(files.file_counts))["left-out"] == 3
