"""Signed notes, against published ones and against every change of one byte."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from broker.audit.note import (
    NOTE_MAX_BYTES,
    SIGNATURES_MAX,
    NoteError,
    NoteSigner,
    NoteVerifier,
    open_note,
    split_notes,
)

SIGNER = NoteSigner("lienvien/demo/audit", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = NoteSigner("witness.example/w1", Ed25519PrivateKey.from_private_bytes(b"w" * 32))
TEXT = "one line\nand another\n"

PUBLISHED = {
    # golang.org/x/mod/sumdb/note, documentation of the package
    "go": (
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n",
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
    ),
    # C2SP signed-note, the example of the specification
    "c2sp": (
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "This is an example message.\n",
        (
            "— example.com/foo "
            "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
        ),
    ),
}


@pytest.mark.parametrize(("key", "text", "signature"), PUBLISHED.values(), ids=PUBLISHED)
def test_published_notes(key: str, text: str, signature: str) -> None:
    verifier = NoteVerifier.decode(key)
    assert verifier.encode() == key
    note = f"{text}\n{signature}".encode()
    assert open_note(note, verifier) == text
    with pytest.raises(NoteError, match="wrong"):
        open_note(note.replace(b"problem", b"Problem").replace(b"message", b"massage"), verifier)


def test_published_key_of_the_go_checksum_database() -> None:
    key = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
    assert NoteVerifier.decode(key).encode() == key


def test_own_note_is_what_others_read() -> None:
    note = SIGNER.sign(TEXT)
    assert note == SIGNER.sign(TEXT)
    lines = note.decode().split("\n")
    assert lines[:3] == ["one line", "and another", ""]
    dash, name, encoded = lines[3].split(" ")
    assert (dash, name, lines[4:]) == ("—", SIGNER.name, [""])
    assert base64.b64decode(encoded)[:4] == SIGNER.verifier.key_id
    assert open_note(note, NoteVerifier.decode(SIGNER.verifier.encode())) == TEXT


def test_unknown_signatures_are_passed_over_and_malformed_ones_are_not() -> None:
    note = SIGNER.sign(TEXT)
    witness = OTHER.sign(TEXT).split(b"\n\n")[1]
    assert open_note(note + witness, SIGNER.verifier) == TEXT
    assert open_note(note + witness, OTHER.verifier) == TEXT
    with pytest.raises(NoteError, match="malformed"):
        open_note(note + "— w !!!!\n".encode(), SIGNER.verifier)
    with pytest.raises(NoteError, match="not signed by this key"):
        open_note(OTHER.sign(TEXT), SIGNER.verifier)


def test_a_wrong_signature_of_a_known_key_is_not_healed_by_a_right_one() -> None:
    text, right = SIGNER.sign(TEXT).split(b"\n\n")
    wrong = SIGNER.sign("another\n").split(b"\n\n")[1]
    with pytest.raises(NoteError, match="wrong"):
        open_note(text + b"\n\n" + wrong + right, SIGNER.verifier)
    assert open_note(text + b"\n\n" + right + wrong, SIGNER.verifier) == TEXT


@given(data=st.data())
def test_no_changed_byte_passes(data: st.DataObject) -> None:
    note = SIGNER.sign(TEXT)
    position = data.draw(st.integers(0, len(note) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != note[position]))
    with pytest.raises(NoteError):
        open_note(note[:position] + bytes([byte]) + note[position + 1 :], SIGNER.verifier)


@given(note=st.binary(max_size=300))
def test_any_bytes_are_refused_with_the_one_declared_error(note: bytes) -> None:
    with pytest.raises(NoteError):
        open_note(note, SIGNER.verifier)


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"text\n\nno dash\n",
        SIGNER.sign(TEXT)[:-1],
        SIGNER.sign(TEXT) + b"\n",
        SIGNER.sign(TEXT).replace(b"\n", b"\r\n"),
        b"\xff" + SIGNER.sign(TEXT),
        SIGNER.sign("x" * NOTE_MAX_BYTES + "\n"),
        SIGNER.sign(TEXT) + OTHER.sign(TEXT).split(b"\n\n")[1] * SIGNATURES_MAX,
    ],
    ids=range(10),
)
def test_malformed_notes(note: bytes) -> None:
    with pytest.raises(NoteError):
        open_note(note, SIGNER.verifier)


@pytest.mark.parametrize("text", ["", "no newline", "a\x00b\n", "tab\there\n", "a\rb\n"])
def test_what_is_no_text_is_not_signed(text: str) -> None:
    with pytest.raises(ValueError, match="not the text"):
        SIGNER.sign(text)


@pytest.mark.parametrize("name", ["", "two words", "plus+sign", "new\nline", "no\u00a0break", "x" * 256])
def test_names_that_a_line_cannot_carry(name: str) -> None:
    with pytest.raises(ValueError, match="key name"):
        NoteSigner(name, SIGNER.private_key)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "name",
        "name+00000000",
        "name+00000000+AA==",
        SIGNER.verifier.encode().replace("demo", "dema"),  # the key id is bound to the name
        SIGNER.verifier.encode()[:-1],
        SIGNER.verifier.encode().replace("+A", "+B"),
        "two words" + SIGNER.verifier.encode().removeprefix(SIGNER.name),
    ],
)
def test_malformed_keys(key: str) -> None:
    with pytest.raises(NoteError):
        NoteVerifier.decode(key)


def test_a_file_of_notes_is_split_at_its_notes() -> None:
    witnessed = SIGNER.sign(TEXT) + OTHER.sign(TEXT).split(b"\n\n")[1]
    notes = [SIGNER.sign("one\n"), witnessed, SIGNER.sign("two\n\nparagraphs\n")]
    assert list(split_notes(b"".join(notes))) == notes
    assert list(split_notes(b"")) == []
    assert list(split_notes(b"rubbish\n")) == [b"rubbish\n"]
