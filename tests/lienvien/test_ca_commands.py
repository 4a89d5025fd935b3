"""``lienvien ca``: what it says, in both languages, and how it ends."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from cryptography import x509
from typer.testing import CliRunner

from certs.profiles import CertProfile
from certs.requests import make_request
from certs.revocation import read_crl
from lienvien import ca_commands
from schemas.reasons import REASONS, ReasonCode

CLI = CliRunner()


def run(*arguments: object, code: int = 0) -> Any:
    result = CLI.invoke(ca_commands.app, [str(one) for one in arguments])
    assert result.exit_code == code, (result.output, result.exception)
    return result


def facts(*arguments: object, code: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*arguments, "--json", code=code).stdout)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    run("init", "--dir", tmp_path / "ca", "--name", "Lien Vien thu")
    return tmp_path / "ca"


def request(tmp_path: Path, name: str = "24001", profile: CertProfile = CertProfile.SIGN) -> Path:
    path = tmp_path / f"{name}-{profile}.csr"
    path.write_bytes(make_request(name, profile).pem)
    return path


def issue(folder: Path, tmp_path: Path, name: str = "24001") -> dict[str, Any]:
    return facts("issue", request(tmp_path, name), "--dir", folder, "--profile", "sign", "--name", name)


def test_the_options_are_the_package_s_own() -> None:
    assert set(get_args(ca_commands.Profile)) == {profile.value for profile in CertProfile}
    assert set(get_args(ca_commands.Why)) <= {reason.value for reason in x509.ReasonFlags}


def test_a_whole_life(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "signing.crt"
    text = run(
        *("issue", request(tmp_path), "--dir", folder, "--profile", "sign", "--name", "24001", "--out", out)
    ).stdout
    assert "Đã ghi / written" in text
    certificate = x509.load_pem_x509_certificate(out.read_bytes())
    serial = f"{certificate.serial_number:x}"
    assert serial in text
    (row,) = facts("show", "--dir", folder)["certificates"]
    assert (row["serial"], row["state"], row["profile"], row["name"]) == (serial, "valid", "sign", "24001")
    revoked = facts("revoke", serial, "--dir", folder, "--reason", "keyCompromise")
    assert (revoked["state"], revoked["reason"]) == ("revoked", "keyCompromise")
    root = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    listed = read_crl((folder / "crl.pem").read_bytes(), [root])
    assert list(listed.since) == [certificate.serial_number]  # published at once
    assert facts("crl", "--dir", folder, "--days", 2)["revoked"] == 1
    assert "revoked" in run("show", serial, "--dir", folder).stdout


def test_init(folder: Path, tmp_path: Path) -> None:
    assert facts("init", "--dir", tmp_path / "other", "--days", 10)["certificate"].endswith("ca.pem")
    text = run("init", "--dir", tmp_path / "third").stdout
    assert "Đã tạo nơi cấp chứng thư / authority made" in text
    assert "ca.key" in text


def test_nothing_issued_yet(folder: Path) -> None:
    assert "Chưa cấp chứng thư nào / nothing issued yet" in run("show", "--dir", folder).stdout
    assert facts("show", "--dir", folder) == {"certificates": []}


def test_hosts_and_generations(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "broker.csr"
    path.write_bytes(make_request("broker-1", CertProfile.BROKER, 1, ["kafka.local"]).pem)
    arguments = ("issue", path, "--dir", folder, "--profile", "broker", "--name", "broker-1")
    assert facts(*arguments, code=1)["refused"] == "request-names-differ"
    assert facts(*arguments, "--host", "kafka.local")["serial"]
    path.write_bytes(make_request("24001", CertProfile.TLS, 2).pem)
    arguments = ("issue", path, "--dir", folder, "--profile", "tls", "--name", "24001")
    assert facts(*arguments, code=1)["where"] == "subject"
    assert facts(*arguments, "--generation", 2, "--days", 30)["serial"]


def refused(reason: ReasonCode, *arguments: object) -> None:
    """A refusal for a person and for a program: both languages, the code, exit code 1."""
    shown = run(*arguments, code=1).stderr
    known = REASONS[reason]
    assert known.vi in shown
    assert known.en in shown
    assert f"[{reason.value}]" in shown
    found = facts(*arguments, code=1)
    assert (found["refused"], found["vi"], found["en"], found["fixer"]) == (
        *(reason.value, known.vi, known.en, known.fixer.value),
    )


def test_refusals(folder: Path, tmp_path: Path) -> None:
    refused(ReasonCode.AUTHORITY_EXISTS, "init", "--dir", folder)
    refused(ReasonCode.AUTHORITY_UNREADABLE, "show", "--dir", tmp_path / "nothing")
    refused(ReasonCode.SERIAL_UNKNOWN, "show", "12ab", "--dir", folder)
    refused(ReasonCode.SERIAL_UNKNOWN, "show", "not hexadecimal", "--dir", folder)
    refused(ReasonCode.SERIAL_UNKNOWN, "revoke", "12ab", "--dir", folder)
    approved = ("--dir", folder, "--profile", "sign", "--name", "01901")
    refused(ReasonCode.REQUEST_NAMES_DIFFER, "issue", request(tmp_path), *approved)
    junk = tmp_path / "junk.csr"
    junk.write_bytes(b"junk")
    refused(ReasonCode.REQUEST_MALFORMED, "issue", junk, *approved)
    (folder / "ca.key").chmod(0o644)
    refused(ReasonCode.KEY_FILE_UNSAFE, "crl", "--dir", folder)


def test_what_the_machine_refuses(folder: Path, tmp_path: Path) -> None:
    result = run("issue", tmp_path / "none.csr", "--dir", folder, "--profile", "sign", "--name", "24001", code=3)
    assert "Không đọc hoặc ghi được / cannot read or write" in result.stderr
    assert "none.csr" in result.stderr
    result = run(
        *("issue", request(tmp_path), "--dir", folder, "--profile", "sign", "--name", "24001"),
        *("--out", tmp_path / "no" / "such" / "folder.crt"),
        code=3,
    )
    assert "folder.crt" in result.stderr


def test_usage(folder: Path) -> None:
    for arguments in (
        ("show",),
        ("issue", "x.csr", "--dir", folder, "--profile", "root", "--name", "24001"),
        ("revoke", "1", "--dir", folder, "--reason", "because"),
        ("crl", "--dir", folder, "--days", "0"),
        ("sign",),
    ):
        run(*arguments, code=2)


@pytest.mark.parametrize("command", ["init", "issue", "show", "revoke", "crl"])
def test_every_command_shows_an_example(command: str) -> None:
    text = run(command, "--help").stdout
    assert "Ví dụ / example" in text
    assert f"lienvien ca {command}" in text


def test_help_loads_no_cryptography() -> None:
    import subprocess
    import sys

    code = "import sys; from lienvien import ca_commands; sys.exit('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_private_key_is_ever_printed(folder: Path, tmp_path: Path) -> None:
    issue(folder, tmp_path)
    for arguments in (("show", "--dir", folder), ("show", "--dir", folder, "--json"), ("crl", "--dir", folder)):
        result = run(*arguments)
        assert "PRIVATE" not in result.stdout + result.stderr
