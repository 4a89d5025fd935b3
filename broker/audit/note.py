"""Signed notes (C2SP signed-note): a text, a blank line, and one line per signature.

    <text, every line ended by a newline>
    <blank line>
    — <key name> <base64 of key id (4 bytes) and signature>

The signature is Ed25519 over the text with its last newline. The key id is the start of SHA-256 over the key's name, a
newline, the algorithm byte 0x01 and the public key. Signatures of keys that we do not know (witnesses) are left alone.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

NOTE_MAX_BYTES: Final = 64 * 1024  # text and signatures; a checkpoint with dozens of witnesses has about 8 KiB
SIGNATURES_MAX: Final = 100  # signature lines, as other implementations have it
_ED25519: Final = b"\x01"
_KEY_ID_BYTES: Final = 4
_PUBLIC_KEY_BYTES: Final = 32
_DASH: Final = "— "  # U+2014 and a space


class NoteError(ValueError):
    """A note or a key text is malformed or not signed as it must be. The text holds nothing of the note."""


@dataclass(frozen=True)
class NoteVerifier:
    """A named public key. ``name`` has no space and no plus sign."""

    name: str
    public_key: Ed25519PublicKey

    @cached_property
    def key_id(self) -> bytes:
        """Four bytes that tell keys of one name apart; a hint, not a proof."""
        digest = hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public_key.public_bytes_raw())
        return digest.digest()[:_KEY_ID_BYTES]

    def encode(self) -> str:
        """The key as one line: name, key id in hexadecimal, base64 of algorithm and key, joined by plus signs."""
        key = base64.b64encode(_ED25519 + self.public_key.public_bytes_raw()).decode()
        return f"{self.name}+{self.key_id.hex()}+{key}"

    @classmethod
    def decode(cls, text: str) -> "NoteVerifier":
        """The key behind ``encode``. Raises NoteError for another algorithm, a wrong key id or a malformed line."""
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        raw = _base64(encoded)
        if not is_key_name(name) or raw[:1] != _ED25519 or len(raw) != 1 + _PUBLIC_KEY_BYTES:
            raise NoteError("not a verifier key of Ed25519")
        verifier = cls(name, Ed25519PublicKey.from_public_bytes(raw[1:]))
        if verifier.key_id.hex() != key_id:
            raise NoteError("the verifier key's id does not fit the key")
        return verifier


@dataclass(frozen=True)
class NoteSigner:
    """A named private key."""

    name: str
    private_key: Ed25519PrivateKey

    def __post_init__(self) -> None:
        if not is_key_name(self.name):
            raise ValueError("a key name has no space, no plus sign and no control character")

    @cached_property
    def verifier(self) -> NoteVerifier:
        """What others verify with."""
        return NoteVerifier(self.name, self.private_key.public_key())

    def sign(self, text: str) -> bytes:
        """The note. Ed25519 is deterministic: one text gives one note. Raises ValueError for a text that is none."""
        if not _is_text(text):
            raise ValueError("not the text of a note")
        signature = self.verifier.key_id + self.private_key.sign(text.encode())
        return f"{text}\n{_DASH}{self.name} {base64.b64encode(signature).decode()}\n".encode()


def open_note(note: bytes, verifier: NoteVerifier) -> str:
    """The text of a note that this key has signed.

    Raises:
        NoteError: malformed, not signed by this key, or its signature is wrong (then another line does not help).
    """
    text, lines = _parts(note)
    signatures = [_signature(line) for line in lines]  # all of them, so that a malformed line never passes
    for name, key_id, signature in signatures:
        if name == verifier.name and key_id == verifier.key_id:
            try:
                verifier.public_key.verify(signature, text.encode())
            except InvalidSignature:
                raise NoteError("the note's signature is wrong") from None
            return text
    raise NoteError("the note is not signed by this key")


def split_notes(data: bytes) -> Iterator[bytes]:
    """The notes of a file that holds several, one after another; each still to be opened."""
    note: list[bytes] = []
    for line in data.splitlines(keepends=True):
        if note and note[-1].startswith(_DASH.encode()) and not line.startswith(_DASH.encode()):
            yield b"".join(note)
            note = []
        note.append(line)
    if note:
        yield b"".join(note)


def is_key_name(name: str) -> bool:
    """True for a name that a signature line can carry."""
    return (
        bool(name) and len(name) <= 255 and name.isprintable() and "+" not in name and not any(map(str.isspace, name))
    )


def _parts(note: bytes) -> tuple[str, list[str]]:
    if len(note) > NOTE_MAX_BYTES:
        raise NoteError("the note is too large")
    try:
        whole = note.decode()
    except UnicodeDecodeError:
        raise NoteError("the note is not UTF-8") from None
    body, blank, signatures = whole.rpartition("\n\n")
    text, lines = body + "\n", signatures.split("\n")
    if not blank or not _is_text(text) or lines[-1] or not 1 <= len(lines) - 1 <= SIGNATURES_MAX:
        raise NoteError("the note is malformed")
    return text, lines[:-1]


def _is_text(text: str) -> bool:
    return text.endswith("\n") and all(character >= " " or character == "\n" for character in text)


def _signature(line: str) -> tuple[str, bytes, bytes]:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    raw = _base64(encoded)
    if not line.startswith(_DASH) or not space or not is_key_name(name) or len(raw) <= _KEY_ID_BYTES:
        raise NoteError("a signature line is malformed")
    return name, raw[:_KEY_ID_BYTES], raw[_KEY_ID_BYTES:]


def _base64(text: str) -> bytes:
    """Canonical base64 only: what it decodes to must encode to it."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteError("base64 is malformed") from None
    if base64.b64encode(raw).decode() != text:
        raise NoteError("base64 is not canonical")
    return raw
