"""Sets up an exchange's folder: keys and requests, the audit log's key, one configuration file."""

import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from broker.audit.checkpoint import log_origin
from broker.audit.log_key import create_log_key
from broker.settings import FILE_NAME
from broker.settings_file import settings_text
from certs.profiles import CertProfile
from lienvien.enrolment import KeyFolder
from lienvien.welcome import Welcome, write_welcome

WORKER: Final = "exchange"  # common name of the processes that work the topics
ADMINISTRATOR: Final = "admin"  # common name of whoever makes topics and rights
_SECRET_BYTES: Final = 32


def init_exchange(
    site: Path,
    name: str,
    bootstrap: str,
    *,
    ca: Path,
    crl: Path,
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, tuple[CertProfile, str]]:
    """Makes keys and requests, and writes the configuration.

    Returns what the authority must issue: purpose → (profile, name), with ``keys/<purpose>.csr`` as the request.

    Raises:
        FileExistsError: this folder has a configuration already; nothing is overwritten.
    """
    if (site / FILE_NAME).exists():
        raise FileExistsError(site / FILE_NAME)
    site.mkdir(parents=True, exist_ok=True)
    (site / "data").mkdir(exist_ok=True, mode=0o700)
    keys = KeyFolder(site / "keys")
    keys.make_keys(WORKER, {"tls": CertProfile.PLATFORM})
    keys.make_keys(ADMINISTRATOR, {"admin": CertProfile.PLATFORM})
    keys.make_keys(name, {"signing": CertProfile.EXCHANGE_SIGN, "encryption": CertProfile.EXCHANGE_ENC})
    create_log_key(keys.path / "audit.key", log_origin(name))
    _write_secret(keys.path / "duplicate.secret")
    shutil.copyfile(ca, site / "ca.pem")
    shutil.copyfile(crl, site / "crl.pem")
    write_settings(site / FILE_NAME, name, bootstrap, overrides or {})
    return {
        "tls": (CertProfile.PLATFORM, WORKER),
        "admin": (CertProfile.PLATFORM, ADMINISTRATOR),
        "signing": (CertProfile.EXCHANGE_SIGN, name),
        "encryption": (CertProfile.EXCHANGE_ENC, name),
    }


def write_settings(path: Path, name: str, bootstrap: str, overrides: Mapping[str, Mapping[str, Any]]) -> None:
    """Writes the configuration of one process. Raises FileExistsError."""
    given: dict[str, dict[str, Any]] = {"exchange": {"name": name}, "kafka": {"bootstrap": bootstrap}}
    for section, values in overrides.items():
        given.setdefault(section, {}).update(values)
    with path.open("x", encoding="utf-8", newline="\n") as file:
        file.write(settings_text(**given))


def welcome_package(site: Path, folder: Path, *, name: str, bootstrap: str, facilities: Path) -> Welcome:
    """What a new hospital gets from this exchange."""
    keys = KeyFolder(site / "keys")
    sources = {
        "ca.pem": site / "ca.pem",
        "crl.pem": site / "crl.pem",
        "exchange/signing.crt": keys.certificate("signing"),
        "exchange/encryption.crt": keys.certificate("encryption"),
        "facilities.csv": facilities,
    }
    return write_welcome(folder, exchange=name, bootstrap=bootstrap, sources=sources)


def _write_secret(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_bytes(_SECRET_BYTES))
        file.flush()
        os.fsync(file.fileno())
