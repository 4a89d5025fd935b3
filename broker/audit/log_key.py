"""The audit log's own key: an Ed25519 key in a file that nobody else may read, and its public line for verifiers.

It signs checkpoints and nothing else; no facility and no token knows it.
"""

import os
import stat
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from broker.audit.note import NoteSigner
from schemas.reasons import ReasonCode, Refused

_OWNER_ONLY: Final = 0o600


def create_log_key(path: Path, origin: str) -> NoteSigner:
    """Make the key of a new log and write it durably (PKCS #8 PEM, mode 0600 from its first byte).

    A log is never made by accident: creating and loading are two functions.

    Raises:
        FileExistsError: a key file is never overwritten.
    """
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    return NoteSigner(origin, key)


def load_log_key(path: Path, origin: str) -> NoteSigner:
    """Read the key of a log.

    Raises:
        Refused: KEY_FILE_UNSAFE (group or others have a right to the file), KEY_FILE_UNREADABLE, KEY_TOO_WEAK (a key of
            another type).
    """
    try:
        with path.open("rb") as file:
            if os.name == "posix" and stat.S_IMODE(os.fstat(file.fileno()).st_mode) & ~_OWNER_ONLY:
                raise Refused(ReasonCode.KEY_FILE_UNSAFE, str(path))
            key = serialization.load_pem_private_key(file.read(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        raise Refused(ReasonCode.KEY_FILE_UNREADABLE, str(path)) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise Refused(ReasonCode.KEY_TOO_WEAK, str(path))
    return NoteSigner(origin, key)
