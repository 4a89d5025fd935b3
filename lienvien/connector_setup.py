"""Sets up a connector's folder: keys and requests, the exchange's welcome package, one configuration file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connectors.settings import FILE_NAME
from connectors.settings_file import write_commented
from lienvien.enrolment import FACILITY_PURPOSES, KeyFolder
from lienvien.welcome import Welcome, copy_welcome
from schemas.codes.lists import LegalBasis


@dataclass(frozen=True)
class NewConnector:
    """What only the hospital can say about itself."""

    facility: str
    name: str
    phone: str
    exports: Sequence[Path]
    legal: Mapping[LegalBasis, str] = field(default_factory=dict)  # basis → the named person who set it
    role: str = ""
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # section → key → value


def init_connector(site: Path, new: NewConnector, welcome: Welcome) -> list[Path]:
    """Makes keys, copies the welcome package, writes the configuration; the requests to send to the authority.

    Raises:
        FileExistsError: this folder has a configuration already; nothing is overwritten.
    """
    site.mkdir(parents=True, exist_ok=True)
    if (site / FILE_NAME).exists():
        raise FileExistsError(site / FILE_NAME)
    copy_welcome(welcome, site)
    requests = KeyFolder(site / "keys").make_keys(new.facility, FACILITY_PURPOSES)
    write_commented(site / FILE_NAME, _values(new, welcome))
    return requests


def _values(new: NewConnector, welcome: Welcome) -> dict[str, dict[str, Any]]:
    values: dict[str, dict[str, Any]] = {
        "facility": {"code": new.facility, "name": new.name, "phone": new.phone, "role": new.role},
        "exchange": {"name": welcome.exchange, "bootstrap": welcome.bootstrap},
        "folders": {"exports": [{"path": str(path)} for path in new.exports]},
        "sending": {
            "legal": [{"basis": basis, "set_by": person} for basis, person in new.legal.items()],
            "facilities": "facilities.csv",
        },
    }
    for section, keys in new.overrides.items():
        values.setdefault(section, {}).update(keys)
    return values
