"""Which files the demonstration drops into which export folder, and when."""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from lienvien.demo_exports.cases import CASES, NOT_CONNECTED_CASE, DemoCase
from lienvien.demo_exports.envelope import discharge_file, slip_number, slip_values, transfer_file

DISCHARGES: Final = 20  # ordinary discharges among the transfers
CORRECTED: Final = CASES[6]  # its slip comes again with other words
EXPORTED_TWICE: Final = CASES[4]  # the HIS exports this file a second time under another name
BROKEN: Final = "hong-giua-chung.xml"
WRONG_DATE: Final = "ngay-khong-co-that.xml"


@dataclass(frozen=True)
class Drop:
    """One file for one hospital's export folder."""

    facility: str
    name: str
    content: bytes


def _name(case: DemoCase, now: datetime) -> str:
    return f"{slip_values(case, now)['MA_LK']}_{case.dialect}.xml"


def first_drops(now: datetime) -> list[Drop]:
    """Transfers, discharges, a broken file, an impossible date, and one slip for a hospital without connection."""
    drops = [Drop(case.sender, _name(case, now), transfer_file(case, now)) for case in (*CASES, NOT_CONNECTED_CASE)]
    drops += [
        Drop(CASES[number % 2].sender, f"RV{number:04d}.xml", discharge_file(CASES[number % 2], number, now))
        for number in range(DISCHARGES)
    ]
    whole = transfer_file(CASES[0], now)
    drops.append(Drop(CASES[0].sender, BROKEN, whole[: len(whole) // 2] + b"</GIAMDINHHS>"))
    wrong = transfer_file(
        CASES[1], now, {"NGAY_SINH": "196202310000", "MA_LK": "20Z01.SAI", "GIAY_CHUYEN_TUYEN": "20Z01/SAI"}
    )
    drops.append(Drop(CASES[1].sender, WRONG_DATE, wrong))
    return drops


def second_drops(now: datetime) -> list[Drop]:
    """The same export under another name, and a corrected slip."""
    corrected = {
        "HUONG_DIEU_TRI": "Chuyển tạo cầu nối mới; cần lọc máu trong ngày",
        "PHUONGTIEN_VC": "Xe cứu thương có oxy",
    }
    return [
        Drop(EXPORTED_TWICE.sender, f"XUAT_LAI_{_name(EXPORTED_TWICE, now)}", transfer_file(EXPORTED_TWICE, now)),
        Drop(CORRECTED.sender, f"SUA_{_name(CORRECTED, now)}", transfer_file(CORRECTED, now, corrected)),
    ]


def slip_number_of(case: DemoCase, now: datetime) -> str:
    """The number on the case's slip."""
    return slip_number(case, now)


def drop(folder: Path, drops: list[Drop]) -> None:
    """Writes the files as a HIS does: under their final names, in pieces, closed at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    for item in drops:
        with (folder / item.name).open("wb") as file:
            for start in range(0, len(item.content), 4096):
                file.write(item.content[start : start + 4096])
            file.flush()
            os.fsync(file.fileno())
