"""Export folders as a hospital has them: read, never touched; files of our own folder moved only when taken."""

import asyncio
import hashlib
import json
import shutil
import sqlite3
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from connectors import intake
from connectors.alarm_words import AlarmCode
from connectors.intake import Intake
from connectors.intake_bundles import BundleIntake
from connectors.papers import Papers
from connectors.scanning import DISK_KEPT_FREE, Scanner
from connectors.settings import ExportFolder, FoldersSection, SendingSection
from connectors.sources.folder import SourceFile
from connectors.sources.own_folder import make_own_folder
from connectors.sources.seen_files import FileIdentity
from connectors.store import alarms, files, outbox_rows
from connectors.store.outbox_rows import OutRow
from schemas.reasons import ReasonCode
from schemas.urgency import Priority
from tests.certs.pki import BAC_GIANG, BACH_MAI, make_pki
from tests.connectors.exchange_double import ExchangeDouble
from tests.connectors.exports import export
from tests.connectors.inbox_steps import read_all
from tests.connectors.intake_world import LEGAL, QuickForms, register
from tests.connectors.site_world import World, make_world


class Site:
    """A sending site with folders on disk."""

    def __init__(self, world: World) -> None:
        self.world = world
        papers = Papers(world.folder / "data")
        self.scanner = Scanner(world.site, Intake(world.site, QuickForms(), papers), BundleIntake(world.site, papers))

    async def scan(self, times: int = 3) -> None:
        """Passes, two seconds and more apart: a file must stand still first."""
        for _ in range(times):
            await self.scanner.scan_all()
            self.world.clock.pass_(3)

    async def rows(self) -> list[OutRow]:
        return await self.world.database.read(lambda c: outbox_rows.rows_in(c, list(outbox_rows.OutState)))

    async def alarms(self) -> set[str]:
        return {alarm.code for alarm in await self.world.database.read(alarms.open_alarms)}


async def make_site(tmp_path: Path, *exports: ExportFolder, bundles: tuple[Path, ...] = ()) -> Site:
    folder = tmp_path / "site"
    world = await make_world(
        folder,
        ExchangeDouble(make_pki(tmp_path / "pki")),
        BAC_GIANG,
        folders=FoldersSection(data=folder / "data", exports=exports, bundles=bundles),
        sending=SendingSection(legal=LEGAL),
    )
    register(world)
    world.introduce(BACH_MAI)
    await read_all(world)
    return Site(world)


def digest(folder: Path) -> str:
    parts = [f"{path.relative_to(folder)} {path.stat().st_mtime_ns}" for path in sorted(folder.rglob("*"))]
    parts += [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*")) if path.is_file()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def slip(site_now: Any, serial: int, **values: Any) -> bytes:
    return export(site_now, BAC_GIANG, BACH_MAI, serial, **values)


async def test_every_slip_is_taken_once_and_the_source_is_as_it_was(tmp_path: Path) -> None:
    source = tmp_path / "xuat"
    source.mkdir()
    site = await make_site(tmp_path, ExportFolder(path=source))
    now = site.world.clock.now()
    for serial in range(1, 4):
        (source / f"{serial}.xml").write_bytes(slip(now, serial))
    (source / "hong.xml").write_bytes(b"no xml")
    (source / "anh.jpg").write_bytes(b"a picture")
    before = digest(source)
    await site.scan(5)
    assert len(await site.rows()) == 3
    assert digest(source) == before
    assert await site.world.database.read(files.file_counts) == {"taken": 3, "refused": 1}
    await site.world.restart()
    again = Site(site.world)
    await again.scan()
    assert len(await again.rows()) == 3


async def test_a_folder_of_urgent_cases_makes_them_so(tmp_path: Path) -> None:
    source = tmp_path / "cap-cuu"
    source.mkdir()
    site = await make_site(tmp_path, ExportFolder(path=source, priority=Priority.STAT))
    (source / "1.xml").write_bytes(slip(site.world.clock.now(), 1))
    await site.scan()
    assert [row.priority for row in await site.rows()] == ["stat"]


async def test_only_from_a_folder_of_our_own_a_taken_file_is_moved(tmp_path: Path) -> None:
    own, his = tmp_path / "own", tmp_path / "his"
    make_own_folder(own)
    his.mkdir()
    site = await make_site(tmp_path, ExportFolder(path=own, take="move"), ExportFolder(path=his, take="move"))
    now = site.world.clock.now()
    (own / "1.xml").write_bytes(slip(now, 1))
    (his / "2.xml").write_bytes(slip(now, 2))
    await site.scan()
    assert (own / "_taken" / "1.xml").exists()
    assert not (own / "1.xml").exists()
    assert (his / "2.xml").exists()
    assert len(await site.rows()) == 2


async def test_a_folder_that_is_gone_alarms_and_stops_no_other(tmp_path: Path) -> None:
    gone, there = tmp_path / "gone", tmp_path / "there"
    there.mkdir()
    site = await make_site(tmp_path, ExportFolder(path=gone), ExportFolder(path=there))
    (there / "1.xml").write_bytes(slip(site.world.clock.now(), 1))
    await site.scan()
    assert len(await site.rows()) == 1
    assert AlarmCode.FOLDER_MISSING in await site.alarms()
    gone.mkdir()
    await site.scan()
    assert AlarmCode.FOLDER_MISSING not in await site.alarms()


async def test_on_a_full_disk_nothing_new_is_taken_until_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "xuat"
    source.mkdir()
    site = await make_site(tmp_path, ExportFolder(path=source))
    (source / "1.xml").write_bytes(slip(site.world.clock.now(), 1))
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, DISK_KEPT_FREE - 1))
    await site.scan()
    assert await site.rows() == []
    assert AlarmCode.DISK_FULL in await site.alarms()
    assert site.world.site.live.disk_full
    monkeypatch.undo()
    await site.scan()
    assert len(await site.rows()) == 1
    assert AlarmCode.DISK_FULL not in await site.alarms()


async def test_a_disk_that_was_full_when_the_process_died_is_not_called_full_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "xuat"
    source.mkdir()
    site = await make_site(tmp_path, ExportFolder(path=source))
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, DISK_KEPT_FREE - 1))
    await site.scan()
    assert AlarmCode.DISK_FULL in await site.alarms()
    monkeypatch.undo()
    again = Site(site.world)
    again.world.site.live.disk_full = False  # as after a start
    await again.scan()
    assert AlarmCode.DISK_FULL not in await again.alarms()


async def test_a_disk_too_full_to_write_down_that_it_is_full_is_told_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "xuat"
    source.mkdir()
    site = await make_site(tmp_path, ExportFolder(path=source))
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, DISK_KEPT_FREE - 1))
    with monkeypatch.context() as full:

        async def no_room(_: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        full.setattr(site.world.site.store, "write", no_room)
        await site.scan(1)
    assert site.world.site.live.disk_full
    await site.scan(1)
    assert AlarmCode.DISK_FULL in await site.alarms()


async def test_without_a_directory_nothing_is_judged(tmp_path: Path) -> None:
    source = tmp_path / "xuat"
    source.mkdir()
    folder = tmp_path / "site"
    world = await make_world(
        folder,
        ExchangeDouble(make_pki(tmp_path / "pki")),
        BAC_GIANG,
        folders=FoldersSection(data=folder / "data", exports=(ExportFolder(path=source),)),
        sending=SendingSection(legal=LEGAL),
    )
    site = Site(world)
    (source / "1.xml").write_bytes(slip(world.clock.now(), 1))
    await site.scan()
    assert await world.database.read(files.file_counts) == {}
    register(world)
    world.introduce(BACH_MAI)
    await read_all(world)
    await site.scan()
    assert len(await site.rows()) == 1


async def test_a_file_that_breaks_us_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "xuat"
    source.mkdir()
    site = await make_site(tmp_path, ExportFolder(path=source))
    now = site.world.clock.now()
    for serial in (1, 2):
        (source / f"{serial}.xml").write_bytes(slip(now, serial))
    real = intake.read_file

    def breaking(data: bytes, name: str, *rest: Any, **more: Any) -> Any:
        if name == "1.xml":
            raise RecursionError
        return real(data, name, *rest, **more)

    monkeypatch.setattr(intake, "read_file", breaking)
    await site.scan()
    assert len(await site.rows()) == 1
    (stored,) = await site.world.database.read(files.open_findings)
    assert stored.finding.findings[0]["reason"] == ReasonCode.PROCESSING_FAILED


# --- ready bundles --------------------------------------------------------------------------------------------------


async def ready_payload(tmp_path: Path) -> bytes:
    """A Bundle that passes the gate, as a hospital's own FHIR software would make it: one of ours."""
    maker = await make_site(tmp_path / "maker", ExportFolder(path=tmp_path / "none"))
    intake = maker.scanner._intake
    data = slip(maker.world.clock.now(), 9)
    identity = FileIdentity("/x.xml", len(data), 1, hashlib.sha256(data).hexdigest())
    await intake.take(SourceFile(identity, "x.xml", data, maker.world.clock.now()), None)
    (row,) = await maker.rows()
    from connectors.parcel import signed_payload

    jws = await maker.world.database.read(lambda c: outbox_rows.signed_bytes(c, row.seq))
    assert jws is not None
    await maker.world.close()
    return signed_payload(jws)


async def test_a_ready_bundle_is_signed_as_it_is(tmp_path: Path) -> None:
    payload = await ready_payload(tmp_path)
    source = tmp_path / "bundles"
    source.mkdir()
    site = await make_site(tmp_path, bundles=(source,))
    (source / "ca-1.json").write_bytes(payload)
    (source / "ca-1-lan-nua.json").write_bytes(payload)
    await site.scan(4)
    (row,) = await site.rows()
    assert row.payload_sha256 == hashlib.sha256(payload).hexdigest()
    stored = await site.world.database.read(lambda c: outbox_rows.unsigned_payload(c, row.seq))
    assert stored == payload
    assert await site.world.database.read(files.file_counts) == {"taken": 1, "repeated": 1}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda text: "[]", ReasonCode.PROFILE_VIOLATED),
        (lambda text: text.replace('"message"', '"batch"', 1), ReasonCode.PROFILE_VIOLATED),
        (lambda text: text.replace(f'"{BAC_GIANG}"', '"01Z99"'), ReasonCode.SENDER_MISMATCH),
        (lambda text: text.replace('"id":', '"id":"x","id":', 1), ReasonCode.DUPLICATE_MEMBER),
    ],
)
async def test_a_bundle_that_is_not_ours_or_not_right_gets_a_reason(
    tmp_path: Path, change: Any, reason: ReasonCode
) -> None:
    payload = await ready_payload(tmp_path)
    source = tmp_path / "bundles"
    source.mkdir()
    site = await make_site(tmp_path, bundles=(source,))
    (source / "sai.json").write_text(change(payload.decode()), encoding="utf-8")
    await site.scan(4)
    assert await site.rows() == []
    (stored,) = await site.world.database.read(files.open_findings)
    assert stored.finding.findings[0]["reason"] == reason
    assert stored.finding.document is not None
    assert Path(stored.finding.document).exists()


async def test_a_known_message_id_with_other_content_is_refused(tmp_path: Path) -> None:
    payload = await ready_payload(tmp_path)
    source = tmp_path / "bundles"
    source.mkdir()
    site = await make_site(tmp_path, bundles=(source,))
    (source / "1.json").write_bytes(payload)
    await site.scan(4)
    other = json.loads(payload)
    for entry in other["entry"]:
        if entry["resource"]["resourceType"] == "Patient":
            entry["resource"]["name"] = [{"text": "TRẦN VĂN BA"}]
    (source / "2.json").write_text(json.dumps(other, ensure_ascii=False), encoding="utf-8")
    await site.scan(4)
    assert len(await site.rows()) == 1
    (stored,) = await site.world.database.read(files.open_findings)
    assert stored.finding.findings[0]["reason"] == ReasonCode.MESSAGE_ID_REUSED


async def test_a_bundle_id_used_twice_is_refused_and_stops_no_other_file(tmp_path: Path) -> None:
    payload = await ready_payload(tmp_path)
    source = tmp_path / "bundles"
    source.mkdir()
    site = await make_site(tmp_path, bundles=(source,))
    (source / "1.json").write_bytes(payload)
    await site.scan(4)
    (first,) = await site.rows()
    again = payload.replace(first.message_id.encode(), b"11111111-1111-4111-8111-111111111111")
    (source / "2.json").write_bytes(again)
    other = again.replace(first.bundle_id.encode(), b"22222222-2222-4222-8222-222222222222")
    other = other.replace(b"11111111-1111-4111-8111", b"33333333-3333-4333-8333")
    site.world.clock.pass_(1)
    (source / "3.json").write_bytes(other)
    await site.scan(4)
    assert len(await site.rows()) == 2
    (stored,) = await site.world.database.read(files.open_findings)
    assert stored.finding.findings[0]["reason"] == ReasonCode.BUNDLE_ID_REUSED


async def test_a_file_that_does_not_fit_the_tables_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "xuat"
    source.mkdir()
    site = await make_site(tmp_path, ExportFolder(path=source))
    real = Intake.take

    async def take(self: Intake, file: Any, at_least: Any) -> Any:
        if file.relative == "1.xml":
            raise sqlite3.IntegrityError
        return await real(self, file, at_least)

    monkeypatch.setattr(Intake, "take", take)
    for serial in (1, 2):
        (source / f"{serial}.xml").write_bytes(slip(site.world.clock.now(), serial))
    await site.scan(4)
    assert await site.world.database.read(files.file_counts) == {"refused": 1, "taken": 1}


async def test_a_slip_that_is_taken_twice_at_once_is_one_case(tmp_path: Path) -> None:
    """A person raises a slip's urgency while its folder is looked into."""
    source = tmp_path / "xuat"
    source.mkdir()
    site = await make_site(tmp_path, ExportFolder(path=source))
    now = site.world.clock.now()
    data = slip(now, 1)
    twice = [
        SourceFile(FileIdentity(f"/{name}", len(data), 1, hashlib.sha256(data).hexdigest()), name, data, now)
        for name in ("1.xml", "lan-nua.xml")
    ]
    await asyncio.gather(*(site.scanner._intake.take(file, None) for file in twice))
    assert len(await site.rows()) == 1
