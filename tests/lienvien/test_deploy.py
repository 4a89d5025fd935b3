"""The examples for production say what the programs understand. None of them is run here."""

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from broker.settings import FILE_NAME, load
from broker.settings_file import settings_text
from lienvien.answering import START_AGAIN
from tests.kafka_container import IMAGE
from tests.lienvien import plain_yaml
from tests.lienvien.command_lines import ROOT, complete, faults_of, make_targets, typed
from transport.local_kafka.properties import NodePlace, node_settings, render

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
COMPOSE = plain_yaml.load((DEPLOY / "compose" / "compose.yaml").read_text("utf-8"))
WORKERS = ("worker-1", "worker-2")
EXPOSURE_MAX = 2.0  # of 10; systemd calls everything above 5 medium or worse


def unit(path: Path) -> configparser.ConfigParser:
    """A unit file; of a key that stands twice the last value."""
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters="=", comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's keys have capitals
    parser.read_string(path.read_text("utf-8"))
    return parser


def command(line: str) -> str:
    """The command of an ExecStart as one would type it."""
    return line.replace("/opt/lienvien/.venv/bin/", "").replace("%i", "worker-1")


def test_there_is_a_unit_for_each_kind_of_process() -> None:
    assert [path.name for path in UNITS] == ["lienvien-connector.service", "lienvien-exchange@.service"]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_starts_a_command_that_exists(path: Path) -> None:
    line = command(unit(path)["Service"]["ExecStart"])
    assert line.startswith("lienvien ")
    assert faults_of(line, set()) == []
    assert complete(line)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_starts_again_whoever_asks_for_it(path: Path) -> None:
    service = unit(path)["Service"]
    assert service["Restart"] == "on-failure"
    assert START_AGAIN != 0
    assert not {"RestartPreventExitStatus", "SuccessExitStatus"} & set(service)
    assert unit(path)["Unit"]["StartLimitIntervalSec"] == "0"  # never given up
    assert int(service["TimeoutStopSec"]) > 20


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_is_confined(path: Path) -> None:
    service = unit(path)["Service"]
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""
    assert service["User"] != "root"
    for key in ("NoNewPrivileges", "PrivateTmp", "ProtectHome", "RestrictNamespaces"):
        assert service[key] == "yes"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine")
@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_systemd_finds_nothing_wrong(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / path.name.replace("@.", "@worker-1.")
    copy.write_text(path.read_text("utf-8").replace("/opt/lienvien/.venv/bin/lienvien", sys.executable), "utf-8")
    assert _systemd("verify", str(copy)).strip() == ""
    said = _systemd("security", "--offline=true", str(copy))
    found = re.search(r"exposure level for \S+: ([0-9.]+)", said)
    assert found is not None
    assert float(found[1]) <= EXPOSURE_MAX
    copy.write_text(copy.read_text("utf-8").replace("Restart=", "Restrat="), "utf-8")
    assert "Restrat" in _systemd("verify", str(copy))


def _systemd(*words: str) -> str:
    done = subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, check=False)
    return done.stderr + done.stdout


def test_kafka_runs_with_the_settings_that_the_tests_run_with() -> None:
    place = NodePlace(
        data="/var/lib/kafka/data",
        identity="/lienvien/broker-1.pem",
        ca="/lienvien/ca.pem",
        port=9093,
        controller_port=9094,
        listen="0.0.0.0",
        name="kafka",
    )
    written = (DEPLOY / "compose" / "kafka" / "server.properties").read_text("ascii")
    assert written == render(node_settings(place))
    kafka = COMPOSE["services"]["kafka"]
    assert kafka["image"] == IMAGE
    assert f"kafka-data:{place.data}" in kafka["volumes"]
    assert kafka["ports"] == ["9093:9093"]  # the controller's port stays inside


def test_only_what_others_need_is_published() -> None:
    published = {name: service["ports"] for name, service in COMPOSE["services"].items() if "ports" in service}
    assert published == {"kafka": ["9093:9093"], "worker-1": ["8443:8443"]}


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_starts_a_command_that_exists(name: str) -> None:
    line = " ".join(["lienvien", *COMPOSE["services"][name]["command"]])
    assert faults_of(line, set()) == []
    assert complete(line)


def test_the_workers_settings_are_understood_and_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / FILE_NAME).write_text(
        settings_text(exchange={"name": "trung-uong"}, kafka={"bootstrap": "kafka:9093"}), "utf-8"
    )
    names = []
    for name in WORKERS:
        environment: dict[str, Any] = COMPOSE["services"][name]["environment"]
        with monkeypatch.context() as patch:
            for key, value in environment.items():
                patch.setenv(key, value)
            settings = load(tmp_path / FILE_NAME)
        names.append(settings.exchange.worker_id)
        assert settings.folders.data == Path("/data")
        assert settings.database_url == "postgresql://lienvien@postgresql/lienvien"
        assert f"{name}-data:/data" in COMPOSE["services"][name]["volumes"]
    assert names == list(WORKERS)


def test_no_secret_stands_in_the_compose_file() -> None:
    text = (DEPLOY / "compose" / "compose.yaml").read_text("utf-8")
    assert re.search(r"PASSWORD:|://[^/@\s]+:[^/@\s]+@", text) is None


def test_every_volume_and_secret_is_declared() -> None:
    used = {mount.split(":")[0] for service in COMPOSE["services"].values() for mount in service.get("volumes", ())}
    assert {name for name in used if not name.startswith(".")} == set(COMPOSE["volumes"])
    assert COMPOSE["services"]["postgresql"]["secrets"] == list(COMPOSE["secrets"])


def test_the_image_is_made_of_what_is_there() -> None:
    lines = (DEPLOY / "compose" / "Dockerfile").read_text("utf-8").splitlines()
    copied = [word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]]
    assert {"schemas", "certs", "transport", "broker", "connectors", "lienvien", "requirements.lock"} <= set(copied)
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_what_the_page_tells_to_type_exists() -> None:
    page = (DEPLOY / "README.md").read_text("utf-8")
    lines = typed(page)
    assert len(lines) >= 4
    targets = make_targets((ROOT / "Makefile").read_text("utf-8"))
    assert [fault for line in lines for fault in faults_of(line, targets)] == []
    assert "has not been run" in page


@pytest.mark.parametrize(
    "text", ["a: 1\na: 2\n", "\ta: 1\n", "a: &x 1\n", "a:\n   b: 1\n", "a: |\n  b\n", "- a\n", "a b\n"]
)
def test_what_is_not_plain_yaml_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        plain_yaml.load(text)


def test_plain_yaml_is_read() -> None:
    text = '# c\na:\n  b: "9:9"\n  c: ["x", "y"]\n\n  d:\n    - one\n    - two:three\ne:\nf: true\n'
    assert plain_yaml.load(text) == {
        "a": {"b": "9:9", "c": ["x", "y"], "d": ["one", "two:three"]},
        "e": None,
        "f": True,
    }
