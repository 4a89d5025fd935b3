"""The exchange's keys and whom it trusts, from files; trust is read again when a file changes, without a restart."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from broker.recording.signer import Signer
from broker.settings import ExchangeSettings
from broker.stages.examining import Material
from broker.stages.tokens import Signers
from certs.keys import PrivateKey, load_signing_key
from certs.trust import TrustMaterial
from schemas.reasons import ReasonCode, Refused
from transport.logs import get_logger

SECRET_MIN_BYTES: Final = 32


@dataclass(frozen=True)
class ExchangeKeys:
    """The keys in memory."""

    signer: Signer
    decryption: Mapping[str, PrivateKey]  # by kid; several during a rollover
    duplicate_secret: bytes


def load_keys(settings: ExchangeSettings) -> ExchangeKeys:
    """Read the keys: ``signing``, and every ``encryption*``.

    Raises:
        Refused: KEY_FILE_UNSAFE, KEY_FILE_UNREADABLE, KEY_NOT_OF_CERTIFICATE, KEY_TOO_WEAK, with the file.
    """
    signing = load_signing_key(settings.key("signing"), settings.certificate("signing"))
    names = sorted(path.stem for path in settings.keys.folder.glob("encryption*.key"))
    if not names:
        raise Refused(ReasonCode.KEY_FILE_UNREADABLE, str(settings.key("encryption")))
    opening = [load_signing_key(settings.key(name), settings.certificate(name)) for name in names]
    return ExchangeKeys(
        Signer(settings.exchange.name, signing.token_key),
        {pair.kid: pair.private_key for pair in opening},
        _secret(settings.duplicate_secret_file),
    )


class CurrentMaterial:
    """What examining needs, as it stands now."""

    def __init__(self, settings: ExchangeSettings, keys: ExchangeKeys) -> None:
        self._files = (settings.keys.ca, settings.keys.crl)
        self._stamps = _stamps(self._files)
        self.signers: dict[str, Signers] = {}  # by facility; grows with every directory entry
        self._material = Material(
            settings.exchange.name, keys.decryption, keys.duplicate_secret, self._read(), self.signers
        )
        self._log = get_logger(__name__)

    def current(self) -> Material:
        """The material. A changed file that cannot be used leaves the old trust standing, and is logged."""
        stamps = _stamps(self._files)
        if stamps != self._stamps:
            self._stamps = stamps
            try:
                self._material = replace(self._material, trust=self._material.trust.followed_by(self._read()))
                self._log.info("trust.renewed")
            except Refused as refused:
                self._log.error("trust.not-renewed", reason=refused.reason)
        return self._material

    def _read(self) -> TrustMaterial:
        try:
            ca, crl = (file.read_bytes() for file in self._files)
        except OSError:
            raise Refused(ReasonCode.KEY_FILE_UNREADABLE, "ca / crl") from None
        return TrustMaterial.read(ca, crl)


def _secret(path: Path) -> bytes:
    try:
        secret = path.read_bytes()
    except OSError:
        raise Refused(ReasonCode.KEY_FILE_UNREADABLE, str(path)) from None
    if len(secret) < SECRET_MIN_BYTES:
        raise Refused(ReasonCode.KEY_TOO_WEAK, str(path))
    return secret


def _stamps(files: tuple[Path, ...]) -> tuple[tuple[int, int], ...]:
    return tuple(_stamp(file) for file in files)


def _stamp(file: Path) -> tuple[int, int]:
    try:
        status = file.stat()
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)
