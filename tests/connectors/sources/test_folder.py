"""The folder source by an injected clock and a folder in memory: what is taken when, and that nothing comes twice."""

from dataclasses import replace
from datetime import timedelta

import pytest

from connectors.sources.folder import (
    LEFT_OUT_BATCH,
    PDF_MAX_BYTES,
    FileRefused,
    FilesLeftOut,
    FolderSource,
    FolderUnavailableError,
    SourceFile,
)
from connectors.sources.seen_files import FileIdentity, Outcome, SeenFilesInMemory
from connectors.sources.source_folder import FileChangedError
from connectors.sources.xml13.envelope import is_whole
from schemas.limits import EXPORT_MAX_BYTES, HALF_WRITTEN_WAIT
from schemas.reasons import ReasonCode
from tests.connectors.sources.exports import sample, slip_export
from tests.connectors.sources.folders import BEGIN, HandClock, PaperFolder, act, settle

SLIP = slip_export()


class Site:
    """One folder, one memory, and a source that can be restarted over them."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.folder = PaperFolder(self.clock)
        self.seen = SeenFilesInMemory()
        self.start()

    def start(self, leave_out: timedelta = timedelta(0)) -> None:
        self.source = FolderSource(
            self.folder,
            self.seen,
            self.clock,
            suffix=".xml",
            is_whole=is_whole,
            leave_out_older_than=leave_out,
        )

    async def act(self) -> list[object]:
        return list(await act(self.source, self.seen, self.clock))

    async def settle(self, passes: int = 3) -> list[object]:
        return list(await settle(self.source, self.seen, self.clock, passes))


@pytest.fixture
def site() -> Site:
    return Site()


def taken(events: list[object]) -> list[str]:
    return [event.relative for event in events if isinstance(event, SourceFile)]


def refused(events: list[object]) -> list[tuple[str, ReasonCode]]:
    return [(event.identity.path, event.reason) for event in events if isinstance(event, FileRefused)]


async def test_whole_file_is_taken_once_and_only_after_it_stood_still(site: Site) -> None:
    site.folder.put("a.xml", SLIP)

    assert await site.act() == []
    site.clock.forward(1.9)
    assert await site.act() == []
    site.clock.forward(0.2)
    (event,) = await site.act()
    assert isinstance(event, SourceFile)
    assert event.data == SLIP
    assert event.identity.path == "/xuat/a.xml"
    assert event.mtime == BEGIN
    assert not event.repeated
    assert await site.settle() == []
    assert site.folder.readings == ["a.xml"]


async def test_file_that_changes_starts_its_two_seconds_anew(site: Site) -> None:
    site.folder.put("a.xml", SLIP[:100])
    await site.act()
    site.clock.forward(1.5)
    site.folder.put("a.xml", SLIP[:200])
    assert await site.act() == []
    site.clock.forward(1.5)
    site.folder.put("a.xml", SLIP)
    assert await site.act() == []
    site.clock.forward(1.5)
    assert await site.act() == []
    site.clock.forward(1.5)
    assert taken(await site.act()) == ["a.xml"]


async def test_half_written_file_is_taken_when_the_rest_arrives_exactly_once(site: Site) -> None:
    site.folder.put("a.xml", SLIP[:-50])
    assert await site.settle(10) == []
    assert [waiting.path for waiting in site.source.waiting] == ["/xuat/a.xml"]
    assert site.folder.readings == ["a.xml"]  # not again every two seconds

    site.folder.put("a.xml", SLIP)
    assert taken(await site.settle(5)) == ["a.xml"]
    assert site.source.waiting == ()


@pytest.mark.parametrize(
    ("content", "reason"), [(SLIP[:-50], ReasonCode.FILE_INCOMPLETE), (b"", ReasonCode.FILE_EMPTY)]
)
async def test_file_that_never_gets_whole_is_refused_after_ten_minutes(
    site: Site, content: bytes, reason: ReasonCode
) -> None:
    site.folder.put("a.xml", content)
    await site.act()
    site.clock.forward(HALF_WRITTEN_WAIT - timedelta(seconds=1))
    assert await site.act() == []
    site.clock.forward(2)
    assert refused(await site.act()) == [("/xuat/a.xml", reason)]
    assert await site.settle() == []

    site.folder.put("a.xml", SLIP)  # the HIS exports it again
    assert taken(await site.settle()) == ["a.xml"]


async def test_broken_file_is_handed_on_at_once(site: Site) -> None:
    """Only what may still grow is waited for; garbage is for the reader to refuse."""
    site.folder.put("a.xml", b"\x89PNG\r\n\x1a\n")
    assert taken(await site.settle()) == ["a.xml"]


async def test_waiting_file_holds_up_no_other(site: Site) -> None:
    site.folder.put("a.xml", b"")
    site.folder.put("b.xml", SLIP[:40])
    site.folder.put("c.xml", SLIP)
    site.folder.broken["d.xml"] = PermissionError()
    site.folder.put("d.xml", SLIP)
    site.folder.put("e.xml", slip_export(SO_HOSO="HS-2"))

    assert taken(await site.settle()) == ["c.xml", "e.xml"]


async def test_oldest_first(site: Site) -> None:
    site.folder.put("b.xml", slip_export(SO_HOSO="2"), BEGIN + timedelta(seconds=2))
    site.folder.put("a.xml", slip_export(SO_HOSO="3"), BEGIN + timedelta(seconds=3))
    site.folder.put("c.xml", slip_export(SO_HOSO="1"), BEGIN + timedelta(seconds=1))

    assert taken(await site.settle()) == ["c.xml", "b.xml", "a.xml"]


async def test_same_content_under_another_name_says_so(site: Site) -> None:
    site.folder.put("a.xml", SLIP)
    await site.settle()
    site.folder.put("copy.xml", SLIP)
    (event,) = await site.settle()

    assert isinstance(event, SourceFile)
    assert event.repeated


async def test_refused_content_exported_again_is_judged_anew(site: Site) -> None:
    site.folder.put("a.xml", SLIP)
    await site.act()
    site.clock.forward(3)
    async for event in site.source.scan():
        assert isinstance(event, SourceFile)
        await site.seen.record(event.identity, Outcome.REFUSED, site.clock.now())
    site.folder.put("a.xml", SLIP)
    (event,) = await site.settle()

    assert isinstance(event, SourceFile)
    assert not event.repeated


async def test_overwriting_with_the_same_size_and_date_is_noticed(site: Site) -> None:
    first, second = slip_export(SO_HOSO="HS-1"), slip_export(SO_HOSO="HS-2")
    assert len(first) == len(second)
    site.folder.put("a.xml", first, BEGIN)
    await site.settle()
    site.folder.put("a.xml", second, BEGIN)
    (event,) = await site.settle()

    assert isinstance(event, SourceFile)
    assert event.data == second


async def test_restart_takes_nothing_twice_and_loses_nothing(site: Site) -> None:
    site.folder.put("a.xml", SLIP)
    await site.settle()
    site.folder.put("b.xml", slip_export(SO_HOSO="HS-2"))
    await site.act()
    site.start()

    assert taken(await site.settle()) == ["b.xml"]
    assert site.folder.readings == ["a.xml", "b.xml"]


async def test_file_that_nobody_recorded_comes_again(site: Site) -> None:
    site.folder.put("a.xml", SLIP)
    await site.act()
    site.clock.forward(3)
    async for _ in site.source.scan():
        break  # the process dies before its transaction commits
    site.start()

    assert taken(await site.settle()) == ["a.xml"]


async def test_older_files_are_left_out_at_the_first_start_only(site: Site) -> None:
    site.folder.put("old.xml", SLIP, BEGIN - timedelta(days=2))
    site.folder.put("young.xml", slip_export(SO_HOSO="HS-2"), BEGIN - timedelta(hours=2))
    site.start(leave_out=timedelta(days=1))
    events = await site.settle()

    left_out = [event for event in events if isinstance(event, FilesLeftOut)]
    assert [identity.path for event in left_out for identity in event.identities] == ["/xuat/old.xml"]
    assert taken(events) == ["young.xml"]
    assert "old.xml" not in site.folder.readings

    site.clock.forward(timedelta(days=10))
    site.start(leave_out=timedelta(days=1))
    site.folder.put("late.xml", slip_export(SO_HOSO="HS-3"), BEGIN - timedelta(days=300))  # a copy that kept its date
    assert taken(await site.settle()) == ["late.xml"]


async def test_left_out_file_that_is_exported_again_counts(site: Site) -> None:
    site.folder.put("old.xml", SLIP, BEGIN - timedelta(days=2))
    await site.settle()
    site.folder.put("old.xml", SLIP)

    assert taken(await site.settle()) == ["old.xml"]


async def test_interrupted_first_pass_goes_on_as_a_first_pass(site: Site) -> None:
    for number in range(3):
        site.folder.put(f"old{number}.xml", SLIP, BEGIN - timedelta(days=2 + number))
    async for _ in site.source.scan():
        break
    site.clock.forward(timedelta(hours=5))
    site.start()

    assert taken(await site.settle()) == []


async def test_years_of_exports_are_left_out_in_batches(site: Site) -> None:
    for number in range(LEFT_OUT_BATCH + 1):
        site.folder.put(f"{number}.xml", b"", BEGIN - timedelta(days=400))
    events = await site.act()

    assert [len(event.identities) for event in events if isinstance(event, FilesLeftOut)] == [LEFT_OUT_BATCH, 1]


async def test_too_large_a_file_is_refused_unread(site: Site) -> None:
    site.folder.put("a.xml", b"", size=EXPORT_MAX_BYTES + 1)

    assert refused(await site.settle()) == [("/xuat/a.xml", ReasonCode.FILE_TOO_LARGE)]
    assert site.folder.readings == []


async def test_link_is_told_once_and_never_opened(site: Site) -> None:
    site.folder.put_link("a.xml")
    events = await site.settle(5)

    assert refused(events) == [("/xuat/a.xml", ReasonCode.FILE_IS_LINK)]
    assert site.folder.readings == []


async def test_unreadable_file_is_told_once_and_tried_again(site: Site) -> None:
    site.folder.put("a.xml", SLIP)
    site.folder.broken["a.xml"] = PermissionError()
    events = await site.settle(5)
    assert refused(events) == [("/xuat/a.xml", ReasonCode.FILE_UNREADABLE)]
    assert not any(event.lasting for event in events if isinstance(event, FileRefused))

    del site.folder.broken["a.xml"]
    assert taken(await site.settle()) == ["a.xml"]


async def test_file_that_changes_while_it_is_read_waits(site: Site) -> None:
    site.folder.put("a.xml", SLIP)
    site.folder.broken["a.xml"] = FileChangedError()
    assert await site.settle(5) == []

    del site.folder.broken["a.xml"]
    assert taken(await site.settle()) == ["a.xml"]


async def test_other_files_are_no_business_of_ours(site: Site) -> None:
    for name in ("a.txt", "a.xml.tmp", "b.pdf", "c.xml.part"):
        site.folder.put(name, SLIP)
    site.folder.put("D.XML", SLIP)

    assert taken(await site.settle()) == ["D.XML"]
    assert site.folder.readings == ["D.XML"]


async def test_folder_that_is_gone_is_said_and_everything_waits(site: Site) -> None:
    site.folder.put("a.xml", SLIP)
    site.folder.unavailable = True
    with pytest.raises(FolderUnavailableError):
        await site.act()

    site.folder.unavailable = False
    assert taken(await site.settle()) == ["a.xml"]


async def test_first_pass_is_not_over_while_the_folder_is_gone(site: Site) -> None:
    site.folder.put("old.xml", SLIP, BEGIN - timedelta(days=9))
    site.folder.unavailable = True
    with pytest.raises(FolderUnavailableError):
        await site.act()
    site.folder.unavailable = False

    assert taken(await site.settle()) == []


async def test_deleted_file_is_forgotten(site: Site) -> None:
    site.folder.put("a.xml", SLIP[:50])
    await site.settle()
    del site.folder.files["a.xml"]
    await site.act()

    assert site.source.waiting == ()


async def test_absurd_dates_of_a_share_stop_nothing(site: Site) -> None:
    site.folder.put("a.xml", SLIP)
    for name, mtime in (("far.xml", 2**62), ("before.xml", -(2**62))):
        site.folder.put(name, slip_export(SO_HOSO=name))
        glimpse, data = site.folder.files[name]
        site.folder.files[name] = (replace(glimpse, mtime_ns=mtime), data)

    assert taken(await site.settle()) == ["a.xml", "far.xml"]


async def test_name_that_is_no_utf8_is_recorded_in_printable_form(site: Site) -> None:
    site.folder.put("phi\udce9u.xml", SLIP)
    (event,) = await site.settle()

    assert isinstance(event, SourceFile)
    assert event.identity.path.encode("utf-8") == b"/xuat/phi\\udce9u.xml"


PDF = b"%PDF-1.7\n...\n%%EOF\n"


async def test_pdf_beside_the_export_comes_along(site: Site) -> None:
    site.folder.put("a.xml", SLIP)
    site.folder.put("a.pdf", PDF)
    site.folder.put("b.pdf", b"%PDF-other %%EOF")
    (event,) = await site.settle()

    assert isinstance(event, SourceFile)
    assert event.pdf == PDF


async def test_pdf_still_being_written_is_waited_for_half_a_minute(site: Site) -> None:
    site.folder.put("a.xml", SLIP)
    site.folder.put("a.pdf", PDF[:10])
    assert await site.settle(5) == []
    site.folder.put("a.pdf", PDF)
    (event,) = await site.settle(1)
    assert isinstance(event, SourceFile)
    assert event.pdf == PDF

    site.folder.put("b.xml", slip_export(SO_HOSO="HS-2"))
    site.folder.put("b.pdf", PDF[:10])
    (event,) = await site.settle(12)
    assert isinstance(event, SourceFile)
    assert event.pdf is None


@pytest.mark.parametrize("content", [b"<html>%%EOF</html>", b"%PDF-" + b"x" * PDF_MAX_BYTES])
async def test_what_is_no_pdf_or_too_large_does_not_hold_the_slip(site: Site, content: bytes) -> None:
    site.folder.put("a.xml", SLIP)
    site.folder.put("a.pdf", content)
    (event,) = await site.settle(2)

    assert isinstance(event, SourceFile)
    assert event.pdf is None


async def test_events_print_no_patient(site: Site) -> None:
    site.folder.put("a.xml", sample("05"))
    (event,) = await site.settle()

    assert "GIAMDINHHS" not in repr(event)
    assert isinstance(event, SourceFile)
    assert isinstance(event.identity, FileIdentity)
