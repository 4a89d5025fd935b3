"""A whole folder of exports through source and reader, as a connector does it: every file its verdict, none touched."""

import hashlib
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.sources.folder import FileRefused, FolderSource, SourceFile
from connectors.sources.reading import FileReport, read_file
from connectors.sources.seen_files import SeenFilesInMemory
from connectors.sources.source_folder import LocalFolder
from connectors.sources.xml13.envelope import is_whole
from connectors.sources.xml13.rules import Verdict
from schemas.limits import HALF_WRITTEN_WAIT
from schemas.reasons import ReasonCode
from tests.connectors.sources.exports import (
    bad_files,
    directory,
    envelope,
    expectation,
    good_files,
    hoso,
    now_of,
    sample,
    summary_table,
)
from tests.connectors.sources.folders import HandClock, act, settle

ORDINARY = 20


@pytest.fixture
def exports(tmp_path: Path) -> Path:
    """All samples, among ordinary discharges, one export twice, and things that are no exports."""
    folder = tmp_path / "xuất XML"
    folder.mkdir()
    for path in (*good_files(), *bad_files()):
        (folder / path.name).write_bytes(path.read_bytes())
    for number in range(ORDINARY):
        record = hoso(("XML1", summary_table(MA_LOAI_RV="1", MA_LK=f"ra-vien-{number}")))
        (folder / f"ra-vien-{number}.xml").write_bytes(envelope(record).encode())
    (folder / "copy of 05.xml").write_bytes(sample("05"))
    (folder / "ghi chú.txt").write_text("không phải tệp xuất", "utf-8")
    (folder / "settings.xml").write_bytes(b"<configuration/>")
    return folder


def digest(folder: Path) -> str:
    """Names, contents, sizes and dates of everything in a folder."""
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        about = path.lstat()
        whole.update(f"{path.name} {about.st_size} {about.st_mtime_ns} {about.st_mode}".encode())
        whole.update(path.read_bytes())
    return whole.hexdigest()


class Desk:
    """Source and reader over one folder."""

    def __init__(self, folder: Path) -> None:
        self.clock = HandClock()
        self.seen = SeenFilesInMemory()
        self.source = FolderSource(
            LocalFolder(folder),
            self.seen,
            self.clock,
            suffix=".xml",
            is_whole=is_whole,
            leave_out_older_than=timedelta(days=20_000),
        )
        self.reports: dict[str, FileReport] = {}
        self.repeated: list[str] = []
        self.refused: dict[str, ReasonCode] = {}

    async def work(self, passes: int = 3) -> None:
        events = await settle(self.source, self.seen, self.clock, passes)
        for event in events:
            if isinstance(event, FileRefused):
                self.refused[Path(event.identity.path).name] = event.reason
            if isinstance(event, SourceFile):
                if event.repeated:
                    self.repeated.append(event.relative)
                now = now_of(Path(event.relative))
                self.reports[event.relative] = read_file(event.data, event.relative, directory(), None, now)


async def test_every_file_gets_its_verdict_and_the_folder_stays_as_it_was(exports: Path) -> None:
    before = digest(exports)
    desk = Desk(exports)
    await desk.work()

    for path in good_files():
        assert desk.reports[path.name].verdict is Verdict.ACCEPTED
    for path in bad_files():
        expected = expectation(path).verdict
        if expected == "wait":
            assert path.name not in desk.reports
        else:
            assert desk.reports[path.name].verdict.value == expected
    found = Counter(report.verdict for report in desk.reports.values())
    assert found[Verdict.NO_TRANSFER] == ORDINARY + 1
    assert len(desk.reports) == 12 + 22 + ORDINARY + 2
    assert len(desk.source.waiting) == 2
    assert len(desk.repeated) == 1
    assert set(desk.repeated) < {"copy of 05.xml", "05-qd3176-stemi-lang-son-to-bach-mai.xml"}
    assert digest(exports) == before


async def test_half_written_samples_are_refused_after_their_time(exports: Path) -> None:
    desk = Desk(exports)
    await desk.work()
    desk.clock.forward(HALF_WRITTEN_WAIT)
    await desk.work()

    assert desk.refused == {
        "b17-zero-bytes.xml": ReasonCode.FILE_EMPTY,
        "b18-still-being-written.xml": ReasonCode.FILE_INCOMPLETE,
    }


async def test_half_written_sample_is_accepted_once_when_its_rest_arrives(exports: Path) -> None:
    desk = Desk(exports)
    (exports / "11-qd3176-septic-shock-large.xml").unlink()
    await desk.work()
    with (exports / "b18-still-being-written.xml").open("ab") as file:
        file.write(sample("11")[file.tell() :])
    desk.reports.clear()
    await desk.work(5)

    assert {name: report.verdict for name, report in desk.reports.items()} == {
        "b18-still-being-written.xml": Verdict.ACCEPTED
    }


async def test_second_day_finds_nothing_new(exports: Path) -> None:
    desk = Desk(exports)
    await desk.work()
    desk.clock.forward(timedelta(days=1))
    again = await act(desk.source, desk.seen, desk.clock)

    assert {type(event) for event in again} <= {FileRefused}
