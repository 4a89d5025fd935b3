"""A connector's folder on disk, as an IT officer would have it: configuration, keys, certificates."""

from pathlib import Path
from typing import Any

from certs.keys import save_private_key, write_certificates
from connectors.settings import FILE_NAME
from connectors.settings_file import write_commented
from tests.certs.pki import EXCHANGE, TestPki


def write_site(folder: Path, pki: TestPki, code: str, bootstrap: str, tls: tuple[Path, Path], **sections: Any) -> Path:
    """Everything ``connectors.settings.load`` and ``run`` need; ``tls`` = (authority of the link, key and certificate).

    Returns the configuration file.
    """
    folder.mkdir(parents=True)
    keys, exchange = folder / "keys", folder / "exchange"
    for made in (keys, exchange, folder / "xuat"):
        made.mkdir()
    me = pki.facility(code)
    for name, key in (("signing", me.signing), ("encryption", me.encryption)):
        save_private_key(keys / f"{name}.key", key.private_key)
        (keys / f"{name}.crt").write_bytes(write_certificates([key.certificate, *key.chain]))
    identity = keys / "tls.pem"
    identity.touch(mode=0o600)
    identity.write_bytes(tls[1].read_bytes())
    (exchange / "signing.crt").write_bytes(write_certificates([pki.exchange.signing.certificate]))
    (exchange / "encryption.crt").write_bytes(write_certificates([pki.exchange.encryption.certificate]))
    # one file may hold several roots: that of the links and that of the seals
    (folder / "ca.pem").write_bytes(tls[0].read_bytes() + write_certificates([pki.authority.certificate]))
    (folder / "crl.pem").write_bytes(pki.authority.crl(pki.now))
    values: dict[str, dict[str, Any]] = {
        "facility": {"code": code, "name": f"Bệnh viện {code}", "phone": "0204 385 4500"},
        "exchange": {"name": EXCHANGE, "bootstrap": bootstrap},
        "folders": {"exports": [{"path": "xuat"}]},
        "sending": {
            "legal": [
                {"basis": "law", "document": "Luật 91/2025/QH15", "set_by": "Trần Thị Phụ Trách"},
                {"basis": "emergency", "set_by": "Trần Thị Phụ Trách"},
            ],
            "ask_after_hours": 720.0,
        },
        "clocks": {"scan_s": 0.2, "status_s": 0.5, "ack_s": 0.2},
    }
    for section, keys_of in sections.items():
        values[section] = {**values.get(section, {}), **keys_of}
    write_commented(folder / FILE_NAME, values)
    return folder / FILE_NAME
