"""Checkpoints (C2SP tlog-checkpoint): the head of the tree as a signed note.

    <origin: the name of the log>
    <size in decimal digits>
    <base64 of the root>

The note's key has the origin as its name. There is no time in the text, and Ed25519 is deterministic: one head of one
log has one note, however often it is signed.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Final

from broker.audit.merkle import EMPTY_ROOT, HASH_BYTES
from broker.audit.note import NoteError, NoteSigner, NoteVerifier, open_note

_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)  # below 2**63
_LINES: Final = 3  # we write no extension lines; others may, and they are passed over


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a tree: name of the log, number of leaves, root (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def log_origin(exchange: str) -> str:
    """The name of an exchange's audit log and of its key (``lienvien/bo-y-te/audit``)."""
    return f"lienvien/{exchange}/audit"


def sign_checkpoint(size: int, root: bytes, signer: NoteSigner) -> bytes:
    """The signed note of a head."""
    return signer.sign(Checkpoint(signer.name, size, root).text())


def open_checkpoint(note: bytes, verifier: NoteVerifier) -> Checkpoint:
    """The head that this log's key has signed.

    Raises:
        NoteError: as ``open_note``; a text that is no checkpoint; another log's checkpoint.
    """
    lines = open_note(note, verifier).split("\n")[:-1]
    if len(lines) < _LINES or not all(lines) or _SIZE.fullmatch(lines[1]) is None:
        raise NoteError("the text is no checkpoint")
    if lines[0] != verifier.name:
        raise NoteError("the checkpoint is another log's")
    checkpoint = Checkpoint(lines[0], int(lines[1]), _root(lines[2]))
    if (checkpoint.size == 0) != (checkpoint.root == EMPTY_ROOT):
        raise NoteError("the root does not fit the size")
    return checkpoint


def _root(text: str) -> bytes:
    try:
        root = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteError("the root is malformed") from None
    if len(root) != HASH_BYTES or base64.b64encode(root).decode() != text:
        raise NoteError("the root is malformed")
    return root
