"""``control.json`` in the data folder: where the running connector can be asked, by the same user of this machine."""

import json
import os
import secrets
from pathlib import Path
from typing import Final

FILE_NAME: Final = "control.json"
_OWNER_ONLY: Final = 0o600


def new_secret() -> str:
    """32 random bytes as text; made anew at each start."""
    return secrets.token_urlsafe(32)


def write_control(data: Path, url: str, secret: str) -> Path:
    """Replace the file as a whole; only its owner may read it."""
    fresh = data / f".{FILE_NAME}.new"
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"url": url, "secret": secret}, file)
    fresh.replace(data / FILE_NAME)
    return data / FILE_NAME
