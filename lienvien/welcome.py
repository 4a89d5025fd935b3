"""The welcome package: what a hospital gets from the exchange before it can connect. Nothing in it is secret.

``welcome.json`` (name of the exchange, address of Kafka), ``ca.pem``, ``crl.pem``, ``exchange/signing.crt``,
``exchange/encryption.crt``, ``facilities.csv``.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DESCRIPTION: Final = "welcome.json"
FILES: Final = ("ca.pem", "crl.pem", "exchange/signing.crt", "exchange/encryption.crt", "facilities.csv")


@dataclass(frozen=True)
class Welcome:
    """An exchange as a new hospital meets it."""

    folder: Path
    exchange: str
    bootstrap: str


def write_welcome(folder: Path, *, exchange: str, bootstrap: str, sources: dict[str, Path]) -> Welcome:
    """Puts a package together; ``sources`` maps each of ``FILES`` to the file it is copied from."""
    for name in FILES:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(sources[name], target)
    text = json.dumps({"exchange": exchange, "bootstrap": bootstrap}, indent=2) + "\n"
    (folder / DESCRIPTION).write_text(text, "utf-8")
    return Welcome(folder, exchange, bootstrap)


def read_welcome(folder: Path) -> Welcome:
    """Reads a package. Raises OSError, ValueError or KeyError where it is not one."""
    content = json.loads((folder / DESCRIPTION).read_text("utf-8"))
    return Welcome(folder, str(content["exchange"]), str(content["bootstrap"]))


def copy_welcome(welcome: Welcome, site: Path) -> None:
    """Puts the package's files where a connector's configuration expects them."""
    for name in FILES:
        target = site / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(welcome.folder / name, target)
