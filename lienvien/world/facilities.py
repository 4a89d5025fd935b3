"""Who plays which hospital in the demonstration."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True)
class DemoFacility:
    """A facility of the demonstration; ``connected`` ones get a connector."""

    code: str
    name: str
    phone: str
    province: str
    role: str
    connected: bool = True


FACILITIES: Final = (
    DemoFacility("24Z01", "Bệnh viện Đa khoa Bắc Giang (MÔ PHỎNG)", "0204 000 0001", "Bắc Ninh", "provincial"),
    DemoFacility("20Z01", "Bệnh viện Đa khoa tỉnh Lạng Sơn (MÔ PHỎNG)", "0205 000 0001", "Lạng Sơn", "provincial"),
    DemoFacility("01929", "Bệnh viện Bạch Mai (MÔ PHỎNG)", "024 0000 0001", "Hà Nội", "central"),
    DemoFacility("01Z97", "Bệnh viện nhi tuyến cuối (MÔ PHỎNG)", "024 0000 0002", "Hà Nội", "central"),
    DemoFacility("01Z98", "Bệnh viện nội tiết (MÔ PHỎNG, chưa kết nối)", "024 0000 0003", "Hà Nội", "central", False),
)

_COLUMNS: Final = ("code", "name", "province_code_before_20250701", "province_before", "province_code_now",
                   "province_now", "valid_from", "valid_to", "role", "note", "phone")  # fmt: skip


def write_facilities_csv(path: Path, facilities: tuple[DemoFacility, ...] = FACILITIES) -> None:
    """The register of facilities as a CSV file (UTF-8)."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, _COLUMNS)
        writer.writeheader()
        for facility in facilities:
            writer.writerow(
                {
                    "code": facility.code,
                    "name": facility.name,
                    "province_code_before_20250701": facility.code[:2],
                    "province_before": facility.province,
                    "province_code_now": facility.code[:2],
                    "province_now": facility.province,
                    "valid_from": "2019-01-01",
                    "role": facility.role,
                    "note": "demonstration",
                    "phone": facility.phone,
                }
            )
