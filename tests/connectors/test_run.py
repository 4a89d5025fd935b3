"""The running process: it lives without a link, gets up again, stops in time, and owns its folder alone."""

import asyncio
import json
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from certs.profiles import CertProfile
from connectors import run as running
from connectors.run import opened, run
from connectors.settings import Settings, load
from connectors.store.database import CommitUnknownError
from connectors.store.folder_lock import AlreadyRunningError, FolderLock, Holder
from schemas.reasons import ReasonCode, Refused
from tests.certs.pki import BAC_GIANG, make_pki
from tests.connectors.exports import export
from tests.connectors.site_files import write_site
from tests.connectors.site_world import TestClock, until
from tests.samples import XML13


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A site whose Kafka does not answer."""
    pki = make_pki(tmp_path / "pki")
    tls = pki.key(CertProfile.TLS, BAC_GIANG)
    identity = tmp_path / "tls.pem"
    from certs.keys import save_private_key, write_certificates

    save_private_key(tmp_path / "tls.key", tls.private_key)
    identity.write_bytes((tmp_path / "tls.key").read_bytes() + write_certificates([tls.certificate]))
    facilities = {"facilities": str(XML13 / "facilities.csv")}  # without a directory nothing is judged
    link = (pki.authority.folder / "ca.pem", identity)
    config = write_site(tmp_path / "site", pki, BAC_GIANG, "localhost:1", link, sending=facilities)
    return load(config)


def ask(settings: Settings, path: str) -> httpx2.Response:
    about = json.loads((settings.folders.data / "control.json").read_text())
    headers = {"authorization": f"Bearer {about['secret']}"}
    return httpx2.get(about["url"] + path, headers=headers, trust_env=False)


async def test_it_takes_files_and_tells_its_state_without_a_link(settings: Settings) -> None:
    stop = asyncio.Event()
    task = asyncio.create_task(run(settings, stop=stop))
    source = settings.folders.exports[0].path

    async def listening() -> bool:
        return (settings.folders.data / "control.json").exists()

    await until(listening, 20)
    (source / "1.xml").write_bytes(export(datetime.now(UTC), BAC_GIANG, "01929"))

    async def refused_or_waiting() -> bool:
        facts = (await asyncio.to_thread(ask, settings, "/control/status")).json()
        return bool(facts["files"]["counts"])

    await until(refused_or_waiting, 30)
    facts = (await asyncio.to_thread(ask, settings, "/control/status")).json()
    assert facts["link"]["connected"] is False
    assert facts["link"]["trouble"] == "unreachable"
    assert (await asyncio.to_thread(ask, settings, "/ready")).status_code == 503
    began = time.monotonic()
    stop.set()
    await task
    assert time.monotonic() - began < 10
    assert not (settings.folders.data / "control.json").exists()  # a clean stop: no command waits for it


async def test_a_second_one_on_the_same_folder_is_refused(settings: Settings) -> None:
    async with opened(settings):
        with pytest.raises(AlreadyRunningError):
            await run(settings)


async def test_a_starting_connector_waits_for_a_command_that_holds_its_folder(settings: Settings) -> None:
    with FolderLock(settings.folders.data, Holder.COMMAND):
        starting = asyncio.create_task(run(settings, stop=(stop := asyncio.Event())))
        await asyncio.sleep(0.2)
        assert not starting.done()

    async def listening() -> bool:
        return (settings.folders.data / "control.json").exists()

    await until(listening, 20)
    stop.set()
    await starting


async def test_a_command_that_never_ends_is_named_after_a_while(settings: Settings) -> None:
    clock = TestClock(datetime.now(UTC))
    with FolderLock(settings.folders.data, Holder.COMMAND):
        async with asyncio.TaskGroup() as group:

            async def starting() -> None:
                with pytest.raises(AlreadyRunningError, match="another command"):
                    async with opened(settings, clock):
                        pass

            group.create_task(starting())
            await asyncio.sleep(0.1)
            clock.pass_(60)


async def test_a_connector_that_ended_by_a_fault_leaves_the_sign_that_it_comes_back(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unknown(*_: Any) -> None:
        raise CommitUnknownError

    monkeypatch.setattr(running, "_watch", unknown)
    with pytest.raises(CommitUnknownError):
        await run(settings)
    assert (settings.folders.data / "control.json").exists()


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("keys/signing.key", ReasonCode.KEY_FILE_UNREADABLE),
        ("keys/encryption.crt", ReasonCode.KEY_FILE_UNREADABLE),
        ("ca.pem", ReasonCode.KEY_FILE_UNREADABLE),
        ("exchange/signing.crt", ReasonCode.KEY_FILE_UNREADABLE),
    ],
)
async def test_a_missing_file_is_named(settings: Settings, file: str, reason: ReasonCode) -> None:
    path = settings.keys.ca.parent / file
    path.unlink()
    with pytest.raises(Refused) as refused:
        async with opened(settings):
            pass
    assert refused.value.reason is reason
    assert refused.value.where == str(path)


async def test_a_key_that_others_can_read_is_refused(settings: Settings) -> None:
    (settings.keys.folder / "signing.key").chmod(0o640)
    with pytest.raises(Refused) as refused:
        async with opened(settings):
            pass
    assert refused.value.reason is ReasonCode.KEY_FILE_UNSAFE


async def test_without_a_revocation_list_it_starts_all_the_same(settings: Settings) -> None:
    settings.keys.crl.unlink()
    async with opened(settings) as connector:
        assert not connector.site.keyring.trust.lists


# --- supervision ----------------------------------------------------------------------------------------------------


async def watch(settings: Settings, work: dict[str, Any], stop: asyncio.Event | None = None) -> None:
    async with opened(settings) as connector:
        connector.site.chance = lambda: 0.0
        await running._watch(work, stop or asyncio.Event(), connector.site)


async def test_a_task_that_stumbles_gets_up_again(settings: Settings) -> None:
    stop, tries = asyncio.Event(), []

    async def stumbling() -> None:
        tries.append(1)
        if len(tries) == 3:
            stop.set()
            await asyncio.sleep(3600)
        raise sqlite3.ProgrammingError("a fault of ours")

    await asyncio.wait_for(watch(settings, {"x": stumbling}, stop), 20)
    assert len(tries) == 3


async def test_an_unknown_outcome_ends_the_process_and_stops_the_others(settings: Settings) -> None:
    stopped = []

    async def steady() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            stopped.append(1)

    async def unknown() -> None:
        await asyncio.sleep(0.05)
        raise CommitUnknownError

    with pytest.raises(CommitUnknownError):
        await asyncio.wait_for(watch(settings, {"a": steady, "b": unknown}), 20)
    assert stopped == [1]


async def test_a_task_that_does_not_stop_is_left_behind_in_time(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "_STOP_PATIENCE_S", 0.2)
    stop = asyncio.Event()
    let_go = asyncio.Event()

    async def stubborn() -> None:
        while not let_go.is_set():
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                stop.set()
                await let_go.wait()

    stop.set()
    began = time.monotonic()
    task = asyncio.create_task(watch(settings, {"x": stubborn}, stop))
    await asyncio.wait_for(asyncio.shield(task), 10)
    assert time.monotonic() - began < 5
    let_go.set()
    await asyncio.sleep(0.01)


async def test_keys_that_were_renewed_are_taken_up(settings: Settings, tmp_path: Path) -> None:
    from connectors.housekeeping import Housekeeping
    from connectors.inbox import Inbox
    from connectors.kafka_link import KafkaInboxLink
    from transport.kafka import KafkaLink
    from transport.tls import client_context

    tls = client_context(settings.keys.ca, settings.keys.folder / "tls.pem")
    async with opened(settings) as connector:
        site = connector.site
        inbox = Inbox(site, KafkaInboxLink(KafkaLink("localhost:1", tls, "x"), BAC_GIANG))
        keeper = Housekeeping(site, inbox, tls)
        before = site.keyring
        await keeper.round()
        assert site.keyring.signing is before.signing
        (settings.keys.folder / "encryption-2025.key").write_bytes(b"broken")
        await keeper.round()
        assert site.keyring.signing is before.signing  # a half-written file changes nothing
        for ending in ("key", "crt"):
            old = settings.keys.folder / f"encryption.{ending}"
            new = settings.keys.folder / f"encryption-2025.{ending}"
            new.write_bytes(old.read_bytes())
            new.chmod(0o600)
        await keeper.round()
        assert site.keyring.signing is not before.signing
