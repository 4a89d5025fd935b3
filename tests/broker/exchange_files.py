"""The folder of an exchange: keys, trust and configuration, as an administrator leaves them."""

import shutil
from pathlib import Path

from broker.administration import make_secrets
from broker.settings import ExchangeSettings, load
from broker.settings_file import settings_text
from certs.keys import save_private_key, write_certificates
from tests.certs.pki import EXCHANGE, TestPki


def second_worker(first: Path, folder: Path) -> ExchangeSettings:
    """A second process of the same exchange: the same keys and database, a folder and a name of its own."""
    shutil.copytree(first, folder, ignore=shutil.ignore_patterns("data"))
    path = folder / "exchange.toml"
    text = path.read_text(encoding="utf-8").replace('# worker_id = "worker-1"', 'worker_id = "worker-2"')
    path.write_text(text, encoding="utf-8")
    return load(path)


def write_exchange(
    folder: Path, pki: TestPki, *, bootstrap: str = "localhost:1", database: str = ""
) -> ExchangeSettings:
    """Write the files and read the configuration back."""
    keys = folder / "keys"
    keys.mkdir(parents=True, mode=0o700)
    party = pki.exchange
    for name, key in (("signing", party.signing), ("encryption", party.encryption), ("tls", party.tls)):
        save_private_key(keys / f"{name}.key", key.private_key)
        (keys / f"{name}.crt").write_bytes(write_certificates([key.certificate]))
        pem = keys / f"{name}.pem"
        pem.write_bytes((keys / f"{name}.key").read_bytes() + (keys / f"{name}.crt").read_bytes())
        pem.chmod(0o600)
    (folder / "ca.pem").write_bytes(write_certificates([pki.authority.certificate]))
    (folder / "crl.pem").write_bytes(pki.authority.crl(pki.now))
    text = settings_text(
        exchange={"name": EXCHANGE},
        kafka={"bootstrap": bootstrap},
        **({"database": {"url": database}} if database else {}),
    )
    (folder / "exchange.toml").write_text(text, encoding="utf-8")
    settings = load(folder / "exchange.toml")
    make_secrets(settings)
    return settings
