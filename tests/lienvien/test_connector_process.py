"""An act or a question of the command line while the connector runs, rests, or is being started."""

import sqlite3
import ssl
import threading
from contextlib import closing
from pathlib import Path

import pytest

from certs.keys import save_private_key, write_certificates
from certs.profiles import CertProfile
from connectors.actions import ActionError
from connectors.settings import FILE_NAME, Settings, load
from connectors.store.folder_lock import AlreadyRunningError, FolderLock, Holder
from lienvien.answering import ENVIRONMENT, LATER
from lienvien.connector_process import main, perform
from lienvien.control_file import ControlDoor, write_control
from tests.certs.pki import BAC_GIANG, make_pki
from tests.connectors.site_files import write_site
from tests.lienvien.listening import Running, listening
from transport.control_file import is_left_behind

SECRET = "s" * 43


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    pki = make_pki(tmp_path / "pki")
    tls = pki.key(CertProfile.TLS, BAC_GIANG)
    identity = tmp_path / "tls.pem"
    save_private_key(tmp_path / "tls.key", tls.private_key)
    identity.write_bytes((tmp_path / "tls.key").read_bytes() + write_certificates([tls.certificate]))
    made = load(
        write_site(tmp_path / "site", pki, BAC_GIANG, "localhost:1", (pki.authority.folder / "ca.pem", identity))
    )
    made.folders.data.mkdir(parents=True, exist_ok=True)
    return made


def test_a_folder_in_use_is_something_that_passes(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    with FolderLock(settings.folders.data, Holder.PROCESS):
        assert main(settings.keys.ca.parent / FILE_NAME) == LATER
    assert "already running" in capsys.readouterr().err


def test_a_database_of_a_newer_program_waits_for_a_person(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(settings.database)) as c:
        c.execute("PRAGMA user_version = 9999")
    assert main(settings.keys.ca.parent / FILE_NAME) == ENVIRONMENT
    assert "newer program" in capsys.readouterr().err


def test_a_wrong_configuration_waits_for_a_person(tmp_path: Path) -> None:
    (tmp_path / "connector.toml").write_text("[facility]", "utf-8")
    assert main(tmp_path / "connector.toml") == ENVIRONMENT


def test_a_key_that_others_may_read_waits_for_a_person_who_is_told_which(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    key = settings.keys.folder / "signing.key"
    key.chmod(0o644)
    assert main(settings.keys.ca.parent / FILE_NAME) == ENVIRONMENT
    said = capsys.readouterr().err
    assert "key-file-unsafe" in said
    assert str(key) in said


def left_behind(settings: Settings, url: str = "http://127.0.0.1:1") -> None:
    write_control(settings.folders.data, ControlDoor(url, SECRET))


def test_while_nothing_runs_it_is_done_at_once_on_the_database(settings: Settings) -> None:
    assert perform(settings, "status", {}, asks=True, patience_s=60)["facility"] == BAC_GIANG


def test_a_question_reads_no_certificates_of_the_system(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def reads_all(*_: object, **__: object) -> ssl.SSLContext:
        raise AssertionError("27 ms of processor time, for a door that speaks plain HTTP")

    monkeypatch.setattr(ssl, "create_default_context", reads_all)
    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", reads_all)
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", reads_all)
    with listening(Running()) as url:
        left_behind(settings, url)
        assert perform(settings, "status", {}, asks=True, patience_s=30) == {"from": "the process"}


def test_a_connector_that_is_being_started_again_is_waited_for(settings: Settings) -> None:
    left_behind(settings)  # killed
    running = Running()
    with listening(running) as url:
        back = threading.Timer(0.3, left_behind, (settings, url))
        back.start()
        assert perform(settings, "status", {}, asks=True, patience_s=30) == {"from": "the process"}
        back.join()
    assert running.asked == ["/control/status"]


def test_a_first_start_that_does_not_answer_yet_is_waited_for(settings: Settings) -> None:
    with FolderLock(settings.folders.data, Holder.PROCESS), listening(Running()) as url:
        first = threading.Timer(0.3, left_behind, (settings, url))
        first.start()
        assert perform(settings, "status", {}, asks=True, patience_s=30) == {"from": "the process"}
        first.join()


def test_one_that_does_not_come_back_is_not_waited_for_for_ever_and_only_once(settings: Settings) -> None:
    left_behind(settings)
    assert perform(settings, "status", {}, asks=True, patience_s=0.2)["facility"] == BAC_GIANG
    assert not is_left_behind(settings.folders.data)


def test_one_that_holds_the_folder_and_never_answers_is_told(settings: Settings) -> None:
    left_behind(settings)
    with FolderLock(settings.folders.data, Holder.PROCESS), pytest.raises(AlreadyRunningError):
        perform(settings, "status", {}, asks=True, patience_s=0.2)


def test_an_act_whose_answer_was_lost_is_not_done_twice(settings: Settings) -> None:
    running = Running(hangs_up=True)
    with listening(running) as url:
        left_behind(settings, url)
        with pytest.raises(ActionError, match="outcome-unknown"):
            perform(settings, "accept", {"case": "x", "by": "y"}, patience_s=30)
    assert running.asked == ["/control/accept"]


def test_somebody_else_at_the_old_address_is_nobody(settings: Settings) -> None:
    with listening(Running(status=403)) as url:
        left_behind(settings, url)
        assert perform(settings, "status", {}, asks=True, patience_s=0.2)["facility"] == BAC_GIANG
