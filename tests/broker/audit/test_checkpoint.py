"""Checkpoints: the head of the tree as text."""

import base64
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from broker.audit.checkpoint import Checkpoint, log_origin, open_checkpoint, sign_checkpoint
from broker.audit.log_key import create_log_key, load_log_key
from broker.audit.merkle import EMPTY_ROOT
from broker.audit.note import NoteError, NoteSigner
from schemas.reasons import ReasonCode, Refused

ORIGIN = log_origin("demo")
SIGNER = NoteSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
ROOT = bytes(range(100, 132))


def test_text_is_that_of_the_specification() -> None:
    """The example of C2SP tlog-checkpoint."""
    root = base64.b64decode("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=")
    assert Checkpoint("example.com/behind-the-sofa", 20852163, root).text() == (
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )


@pytest.mark.parametrize(("size", "root"), [(0, EMPTY_ROOT), (1, ROOT), (2**62, ROOT)])
def test_signed_and_opened(size: int, root: bytes) -> None:
    note = sign_checkpoint(size, root, SIGNER)
    assert open_checkpoint(note, SIGNER.verifier) == Checkpoint(ORIGIN, size, root)
    assert note == sign_checkpoint(size, root, SIGNER), "one head, one note"


def test_extension_lines_of_others_are_passed_over() -> None:
    note = SIGNER.sign(Checkpoint(ORIGIN, 7, ROOT).text() + "extension\n")
    assert open_checkpoint(note, SIGNER.verifier).size == 7


_ENCODED = base64.b64encode(ROOT).decode()


@pytest.mark.parametrize(
    "text",
    [
        f"{ORIGIN}\n7\n",
        f"{ORIGIN}\n07\n{_ENCODED}\n",
        f"{ORIGIN}\n-7\n{_ENCODED}\n",
        f"{ORIGIN}\n٧\n{_ENCODED}\n",
        f"{ORIGIN}\n7 \n{_ENCODED}\n",
        f"{ORIGIN}\n99999999999999999999\n{_ENCODED}\n",
        f"{ORIGIN}\n7\n{_ENCODED[:-4]}\n",
        f"{ORIGIN}\n7\n{_ENCODED[:-1]}\n",
        f"{ORIGIN}\n7\n!{_ENCODED[1:]}\n",
        f"{ORIGIN}\n7\n{_ENCODED}\n\nparagraph\n",
        f"{ORIGIN}\n0\n{_ENCODED}\n",
        f"{ORIGIN}\n3\n{base64.b64encode(EMPTY_ROOT).decode()}\n",
        f"lienvien/other/audit\n7\n{_ENCODED}\n",
    ],
)
def test_a_signed_text_that_is_no_checkpoint_of_this_log(text: str) -> None:
    with pytest.raises(NoteError):
        open_checkpoint(SIGNER.sign(text), SIGNER.verifier)


def test_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "log.key"
    made = create_log_key(path, ORIGIN)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_log_key(path, ORIGIN).verifier.encode() == made.verifier.encode()
    with pytest.raises(FileExistsError):
        create_log_key(path, ORIGIN)
    path.chmod(0o640)
    with pytest.raises(Refused) as caught:
        load_log_key(path, ORIGIN)
    assert caught.value.reason is ReasonCode.KEY_FILE_UNSAFE


def test_another_key_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.key"
    with pytest.raises(Refused) as caught:
        load_log_key(path, ORIGIN)
    assert caught.value.reason is ReasonCode.KEY_FILE_UNREADABLE
    path.touch(0o600)
    with pytest.raises(Refused) as caught:
        load_log_key(path, ORIGIN)
    assert caught.value.reason is ReasonCode.KEY_FILE_UNREADABLE
    key = ec.generate_private_key(ec.SECP256R1())
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    path.write_bytes(key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain))
    with pytest.raises(Refused) as caught:
        load_log_key(path, ORIGIN)
    assert caught.value.reason is ReasonCode.KEY_TOO_WEAK
