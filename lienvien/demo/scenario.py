"""The steps of the demonstration, each waiting until the hospitals' own connectors say that it happened."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from connectors.settings import Settings, load
from connectors.sources.xml13.dates import VIETNAM
from lienvien.connector_process import perform
from lienvien.demo.telling import Telling
from lienvien.demo_exports import story
from lienvien.demo_exports.cases import CASES, DemoCase
from lienvien.world.build import HospitalSite, World

_WITHIN_S: Final = 90.0
_LOOK_S: Final = 0.2
_DOCTOR: Final = "BS. Trực (mô phỏng)"

# Who does what: serial of the case → the destination's decision; the others stay open.
ACCEPTED: Final = (1, 2, 3, 5, 8, 10, 12)
DECLINED: Final = 4  # and its patient arrives all the same
CROSSED: Final = 13  # cancelled by the sender while the destination accepts


class StoryStuckError(Exception):
    """A step did not happen in time; the text says which, in both languages."""


class Scenario:
    """The story in one world. ``now`` is the local time at which the HIS exports."""

    def __init__(self, world: World, telling: Telling) -> None:
        self._world = world
        self._telling = telling
        self._now = datetime.now(VIETNAM)
        self._known_settings: dict[str, Settings] = {}

    async def play(self) -> None:
        """Everything, in order."""
        await self.send_first_exports()
        await self.people_decide()
        await self.send_second_exports()
        await self.repeat_one()

    async def send_first_exports(self) -> None:
        """Exports of every kind are dropped; the good ones are received, delivered and handed over."""
        self._telling.heading("Bệnh viện tỉnh xuất hồ sơ", "provincial hospitals export")
        drops = story.first_drops(self._now)
        for item in drops:
            story.drop(self._site(item.facility).export, [item])
        self._telling.say(
            f"{len(drops)} tệp vào thư mục xuất của HIS", "files dropped by the HIS, 20 of them no transfers"
        )
        with self._telling.progress() as bars:
            sent = bars.add_task("có biên nhận / receipts", total=len(CASES))
            delivered = bars.add_task("có xác nhận đến nơi / acks", total=len(CASES))

            def all_there() -> bool:
                rows = self.transfers()
                bars.update(sent, completed=sum(1 for row in rows if row["received_at"]))
                bars.update(delivered, completed=sum(1 for row in rows if row["delivered_at"]))
                return sum(1 for row in rows if row["delivered_at"]) >= len(CASES) and self._all_judged()

            await self._until("mọi hồ sơ đến nơi", "every transfer delivered", all_there)

    async def people_decide(self) -> None:
        """The central side opens, accepts, declines; ambulances leave and arrive; one cancel crosses an acceptance."""
        self._telling.heading("Con người quyết định", "people decide")
        for case in CASES:
            self._act(case.destination, "received", case, by=_DOCTOR)
        until = (datetime.now(UTC) + timedelta(hours=12)).isoformat()
        for case in self._cases(ACCEPTED):
            self._act(
                case.destination, "accept", case, by=_DOCTOR, ward="Cấp cứu", until=until, contact="024 0000 0001"
            )
        declined = self._case(DECLINED)
        self._act(declined.destination, "decline", declined, by=_DOCTOR, reason="no-bed")
        crossed = self._case(CROSSED)
        self._act(crossed.sender, "cancel", crossed, reason="condition-changed")
        self._act(crossed.destination, "accept", crossed, by=_DOCTOR, ward="Tiêu hóa", contact="024 0000 0001")
        for case in self._cases((1, 2, DECLINED)):
            self._act(case.sender, "departed", case)
        for case in self._cases((1, DECLINED)):
            self._act(case.destination, "arrived", case)
        self._telling.say(
            "một ca bị từ chối nhưng người bệnh vẫn đến", "one is declined, and its patient arrives all the same"
        )
        self._telling.say("một ca bị hủy đúng lúc nơi nhận đồng ý", "one is cancelled just as it is accepted")

        def both_sides_agree() -> bool:
            sender, receiver = self._state(declined.sender, declined), self._state(declined.destination, declined)
            decided = [self._state(case.sender, case)["decision"] for case in self._cases(ACCEPTED)]
            one, other = self._state(crossed.sender, crossed), self._state(crossed.destination, crossed)
            settled = one == other and one["decision"] == "cancelled"
            return sender == receiver and sender["journey"] == "arrived" and set(decided) == {"accepted"} and settled

        await self._until("hai phía cùng trạng thái", "both sides show the same", both_sides_agree)

    async def send_second_exports(self) -> None:
        """One file comes again under another name, one slip comes corrected."""
        self._telling.heading("Xuất lại và sửa phiếu", "exported twice, and corrected")
        for item in story.second_drops(self._now):
            story.drop(self._site(item.facility).export, [item])
        corrected, twice = story.CORRECTED, story.EXPORTED_TWICE

        def done() -> bool:
            events = self._case_facts(corrected.destination, corrected)["transfers"][0]["events"]
            updated = any(event["event"] == "transfer-update" for event in events)
            return updated and self._all_judged() and len(self._transfers_of(twice)) == 1

        await self._until("bản sửa đến nơi", "the correction arrived", done)
        self._telling.say(
            "tệp xuất lại được nhận ra, không gửi gì", "the repeated export is recognised, nothing is sent"
        )
        self._telling.say("phiếu sửa là cập nhật của cùng ca", "the corrected slip is an update of the same case")

    async def repeat_one(self) -> None:
        """The same record is submitted twice; the exchange answers from its store."""
        self._telling.heading("Gửi lặp", "a repeat")
        case = CASES[0]
        before = self._status(case.sender)["inbox"]["highest"]
        self._act(case.sender, "repeat", case)
        await self._until(
            "câu trả lời cho bản gửi lặp",
            "the answer to the repeat",
            lambda: self._status(case.sender)["inbox"]["highest"] > before,
        )
        self._telling.say("trục trả lời bằng biên nhận đã lưu, từng byte", "answered from the store, byte for byte")

    def transfers(self) -> list[Mapping[str, Any]]:
        """Every transfer as its sender sees it, by case code."""
        senders = sorted({case.sender for case in CASES})
        rows = [row for code in senders for row in self._status(code)["transfers"] if row["sender"] == code]
        return sorted(rows, key=lambda row: str(row["case_code"]))

    def to_fix(self) -> dict[str, list[Mapping[str, Any]]]:
        """What the sending desks must mend, by facility."""
        senders = sorted({case.sender for case in CASES})
        return {code: [item for item in self._status(code)["to_fix"] if item["what"] == "file"] for code in senders}

    def papers(self, receipts: Mapping[str, Path]) -> list[Mapping[str, str]]:
        """Where the papers of each case lie, below the world's folder."""
        rows: list[Mapping[str, str]] = []
        for row in self.transfers():
            folder = self._case_facts(row["destination"], None, row["case_code"])["transfers"][0]["case_folder"]
            incoming = self._site(row["destination"]).incoming
            case = next((path for path in incoming.glob(f"*{folder}") if path.is_dir()), incoming)
            receipt = receipts.get(row["case_code"])
            rows.append(
                {
                    "case_code": row["case_code"],
                    "receipt": str(receipt.relative_to(self._world.folder)) if receipt else "–",
                    "folder": str(case.relative_to(self._world.folder)),
                }
            )
        return rows

    def _all_judged(self) -> bool:
        """Every file of every export folder was looked at."""
        for site in self._world.hospitals.values():
            files = sum(1 for path in site.export.iterdir() if path.is_file())
            counts = self._status(site.facility.code)["files"]["counts"]
            if sum(counts.values()) < files:
                return False
        return True

    def _transfers_of(self, case: DemoCase) -> list[Any]:
        number = story.slip_number_of(case, self._now)
        return [row for row in self.transfers() if row["slip_number"] == number]

    def _state(self, code: str, case: DemoCase) -> dict[str, Any]:
        state: dict[str, Any] = self._case_facts(code, case)["transfers"][0]["state"]
        return state

    def _case_facts(self, code: str, case: DemoCase | None, word: str = "") -> Any:
        word = story.slip_number_of(case, self._now) if case else word
        return perform(self._settings(code), "case", {"case": word}, asks=True)

    def _act(self, code: str, name: str, case: DemoCase, **arguments: str) -> None:
        word = story.slip_number_of(case, self._now)
        perform(self._settings(code), name, {"case": word, **arguments})

    def _status(self, code: str) -> Any:
        return perform(self._settings(code), "status", {}, asks=True)

    def _settings(self, code: str) -> Settings:
        if code not in self._known_settings:
            self._known_settings[code] = load(self._site(code).config)
        return self._known_settings[code]

    def _site(self, code: str) -> HospitalSite:
        return self._world.hospitals[code]

    def _case(self, serial: int) -> DemoCase:
        return next(case for case in CASES if case.serial == serial)

    def _cases(self, serials: tuple[int, ...]) -> list[DemoCase]:
        return [self._case(serial) for serial in serials]

    async def _until(self, vi: str, en: str, happened: Callable[[], bool]) -> None:
        loop = asyncio.get_running_loop()
        give_up = loop.time() + _WITHIN_S
        while not await asyncio.to_thread(happened):
            if loop.time() > give_up:
                raise StoryStuckError(f"quá lâu: {vi} / took too long: {en}")
            await asyncio.sleep(_LOOK_S)
