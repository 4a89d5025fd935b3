"""Any history of an export folder, with crashes: nothing half written is taken, nothing whole lost or taken twice."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from connectors.sources.folder import FileRefused, FilesLeftOut, FolderSource, SourceFile
from connectors.sources.seen_files import FileKey, Outcome, SeenFilesInMemory
from connectors.sources.xml13.envelope import is_whole
from schemas.limits import HALF_WRITTEN_WAIT
from tests.connectors.sources.exports import slip_export
from tests.connectors.sources.folders import BEGIN, HandClock, PaperFolder

NAMES = st.sampled_from(["a.xml", "b.xml", "c.xml"])
CONTENTS = [slip_export(SO_HOSO=f"HS-{number}") for number in range(4)]


def now_run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


class ExportFolder(RuleBasedStateMachine):
    """A HIS that writes in pieces, overwrites, copies and deletes; a connector that is killed at any moment."""

    @initialize(old=st.lists(NAMES, unique=True))
    def open(self, old: list[str]) -> None:
        self.clock = HandClock()
        self.folder = PaperFolder(self.clock)
        self.seen = SeenFilesInMemory()
        self.delivered: list[SourceFile] = []
        self.recorded: dict[FileKey, bytes] = {}
        self.left_out: set[FileKey] = set()
        for name in old:
            self.folder.put(name, CONTENTS[0], BEGIN - timedelta(days=30))
        self.start()

    def start(self) -> None:
        self.source = FolderSource(
            self.folder,
            self.seen,
            self.clock,
            suffix=".xml",
            is_whole=is_whole,
            leave_out_older_than=timedelta(days=1),
        )

    @rule(name=NAMES, content=st.sampled_from(CONTENTS), part=st.floats(0, 1))
    def write_a_part(self, name: str, content: bytes, part: float) -> None:
        self.clock.forward(0.01)
        self.folder.put(name, content[: int(part * (len(content) - 1))])

    @rule(name=NAMES, content=st.sampled_from(CONTENTS))
    def write_the_whole(self, name: str, content: bytes) -> None:
        self.clock.forward(0.01)
        self.folder.put(name, content)

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        self.folder.files.pop(name, None)

    @rule(seconds=st.sampled_from([0.5, 2.1, 60.0, HALF_WRITTEN_WAIT.total_seconds()]))
    def wait(self, seconds: float) -> None:
        self.clock.forward(seconds)

    @rule(dies_after=st.one_of(st.none(), st.integers(0, 3)), before_its_transaction=st.booleans())
    def look(self, dies_after: int | None, before_its_transaction: bool) -> None:
        now_run(self.pass_over(dies_after, before_its_transaction))
        if dies_after is not None:
            self.start()

    async def pass_over(self, dies_after: int | None = None, before_its_transaction: bool = False) -> None:
        passed = 0
        async for event in self.source.scan():
            dying = dies_after is not None and passed >= dies_after
            if dying and before_its_transaction:
                return
            await self.act(event)
            if dying:
                return
            passed += 1

    async def act(self, event: object) -> None:
        match event:
            case SourceFile():
                assert event.data in CONTENTS, "a half written file was taken"
                assert event.identity.key not in self.recorded, "taken twice"
                assert event.repeated is (event.data in self.taken()), "a repeat is not told"
                outcome = Outcome.REPEATED if event.repeated else Outcome.TAKEN
                await self.seen.record(event.identity, outcome, self.clock.now())
                self.recorded[event.identity.key] = event.data
            case FileRefused():
                assert event.lasting
                _, data = self.folder.files[event.identity.path.rpartition("/")[2]]
                assert data not in CONTENTS, "a whole file was refused"
                await self.seen.record(event.identity, Outcome.REFUSED, self.clock.now())
            case FilesLeftOut():
                for identity in event.identities:
                    await self.seen.record(identity, Outcome.LEFT_OUT, self.clock.now())
                    self.left_out.add(identity.key)

    def taken(self) -> set[bytes]:
        return set(self.recorded.values())

    @invariant()
    def memory_follows_the_folder(self) -> None:
        assert len(self.source.waiting) <= 3

    def teardown(self) -> None:
        """In the end every whole file that lies there was acted on, unless it was there before the first start."""
        if not hasattr(self, "folder"):
            return
        for _ in range(3):
            now_run(self.pass_over())
            self.clock.forward(3)
        for glimpse, data in self.folder.files.values():
            key = FileKey(f"/xuat/{glimpse.path}", glimpse.size, glimpse.mtime_ns)
            if data in CONTENTS:
                assert self.recorded.get(key) == data or key in self.left_out


ExportFolder.TestCase.settings = settings(max_examples=80, stateful_step_count=25, deadline=None)
TestExportFolder = ExportFolder.TestCase
