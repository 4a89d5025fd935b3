"""A patient goes through everything, failures included; afterwards no word about him stands outside his hospitals.

His words are searched in raw bytes, in many spellings, in everything the system wrote or said: logs, the exchange's
folder and database, Kafka's files, dumps and audit export, pages and interfaces, temporary files, names of files.
"""

import asyncio
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from broker.settings import load as load_exchange
from certs.keys import load_certificates, load_signing_key
from certs.seal import seal, sign_message
from connectors.sources.xml13.dates import VIETNAM
from lienvien.control_file import read_control
from lienvien.demo.evidence import ask_a_stranger, gather
from lienvien.demo_exports.cases import CASES, DemoCase
from lienvien.demo_exports.envelope import slip_number, transfer_file
from lienvien.enrolment import KeyFolder
from lienvien.prove.evidence import folder_digests
from schemas.topics import HEADER_RECORD_TYPE, RecordType, submit_topic
from tests.process.leaks import Hit, below, in_bytes, in_folder, places
from tests.process.world import ProcessWorld, running_world
from transport.kafka import KafkaLink, make_producer
from transport.tls import client_context

pytestmark = [pytest.mark.process, pytest.mark.kafka, pytest.mark.timeout(300)]

SENDER, DESTINATION = "24Z01", "01929"
PATIENT = {
    "name": "HOÀNG YẾN QXZVKPWJYB",
    "mark in the name": "QXZVKPWJYB",
    "address": "Ngõ Chim Hót WQJXZKVYPF",
    "mark in the address": "WQJXZKVYPF",
    "diagnosis": "Viêm tụy cấp thể YKQZJWXVBG",
    "mark in the diagnosis": "YKQZJWXVBG",
    "card": "HT3248613950274",
    "words of the decision": "Hết giường ZVWQKXJPYG",
}
JUNK = {"junk": "JXQWVZKPFYGB 0912 rác"}  # stands in the submit topic as it was written, and nowhere else

_PATIENT_CASE = replace(
    CASES[0],
    serial=3001,
    sender=SENDER,
    destination=DESTINATION,
    name=PATIENT["name"],
    address=PATIENT["address"],
    diagnosis=PATIENT["diagnosis"],
    course=f"{PATIENT['diagnosis']}, người nhà {PATIENT['name']}",
    notes=((f"{PATIENT['name']}: {PATIENT['diagnosis']}. CSST<M88_T36.7_HA168/92_NT18>",),),
)
_CARD = {"MA_THE_BHYT": PATIENT["card"]}


class _Story:
    """What happens to the patient, one method each."""

    def __init__(self, world: ProcessWorld) -> None:
        self.world = world
        self.now = datetime.now(VIETNAM)

    def number(self, case: DemoCase) -> str:
        return slip_number(case, self.now)

    def export(self, case: DemoCase, name: str, **fields: str) -> None:
        self.world.export(SENDER, name, transfer_file(case, self.now, _CARD | fields))

    def case(self, code: str, case: DemoCase) -> Any:
        found = self.world.ask(code, "case", case=self.number(case))["transfers"]
        return found[0] if found else {"events": [], "delivered_at": None}

    async def delivered(self, case: DemoCase) -> None:
        def happened() -> bool:
            rows = self.world.ask(SENDER, "status")["transfers"]
            return any(row["slip_number"] == self.number(case) and row["delivered_at"] for row in rows)

        await self.world.until(happened, "delivered")

    async def refused_files(self, count: int) -> None:
        refused = self.world.running.world.hospitals[SENDER].folder / "data" / "refused"
        await self.world.until(lambda: len(list(refused.glob("*.txt"))) >= count, "files refused")

    async def corrected(self) -> None:
        self.export(_PATIENT_CASE, "sua.xml", HUONG_DIEU_TRI=f"Mổ: {PATIENT['diagnosis']}")
        await self.world.until(lambda: "transfer-update" in self._events(DESTINATION), "the correction arrived")

    async def declined_then_accepted(self) -> None:
        """The second is not allowed any more: refused by the exchange, kept as evidence."""
        word, said = self.number(_PATIENT_CASE), PATIENT["words of the decision"]
        self.world.act(DESTINATION, "received", case=word, by="BS. Trực")
        self.world.act(DESTINATION, "decline", case=word, by="BS. Trực", reason="other", text=said)
        await self.world.until(lambda: "transfer-decline" in self._events(SENDER), "declined")
        self.world.act(DESTINATION, "accept", case=word, by="BS. Trực", ward=PATIENT["name"], contact=said)
        await self.world.until(lambda: len(_refused(self.world)) == 1, "refused by the exchange")

    def _events(self, code: str) -> list[str]:
        return [event["event"] for event in self.case(code, _PATIENT_CASE)["events"]]

    async def refused_by_the_exchange(self) -> None:
        """Signed and sealed as it should be, with a name where a code belongs: a faulty program at a hospital."""
        small, message_id = self.world.running.world, str(uuid.uuid4())
        keys = KeyFolder(small.hospitals[SENDER].folder / "keys")
        jws = sign_message(
            self._spoilt_bundle(message_id),
            load_signing_key(keys.key("signing"), keys.certificate("signing")),
            iat=int(datetime.now(UTC).timestamp()),
        )
        receiver = KeyFolder(small.hospitals[DESTINATION].folder / "keys").certificate("encryption")
        readers = (small.exchange / "keys" / "encryption.crt", receiver)
        await self.submit(seal(jws, [load_certificates(reader)[0] for reader in readers]))
        await self.world.until(lambda: _is_refused(self.world, message_id), "refused by the gate")

    def _spoilt_bundle(self, message_id: str) -> bytes:
        handed_over = sorted(self.world.running.world.hospitals[DESTINATION].incoming.rglob("bundle.json"))
        text = handed_over[0].read_text("utf-8")
        bundle = json.loads(text)
        text = text.replace(bundle["id"], str(uuid.uuid4())).replace(bundle["entry"][0]["resource"]["id"], message_id)
        bundle = json.loads(text)
        for entry in bundle["entry"]:
            if entry["resource"]["resourceType"] == "Patient":
                entry["resource"]["gender"] = PATIENT["name"]
                entry["resource"][PATIENT["mark in the name"]] = PATIENT["address"]
        return json.dumps(bundle, ensure_ascii=False).encode()

    async def junk(self) -> None:
        word = JUNK["junk"].encode()
        await self.submit(b"{not json " + word, key=word)
        await self.submit(json.dumps({"protected": JUNK["junk"], "ciphertext": "x", "recipients": []}).encode())
        await self.submit(word, headers=[(HEADER_RECORD_TYPE, word), ("x", word)])

    async def submit(
        self,
        value: bytes,
        *,
        key: bytes | None = None,
        headers: list[tuple[str, bytes]] | None = None,
    ) -> None:
        """Written as the sending hospital, past its connector."""
        small = self.world.running.world
        identity = KeyFolder(small.hospitals[SENDER].folder / "keys").identity("tls")
        link = KafkaLink(small.kafka.bootstrap, client_context(small.exchange / "ca.pem", identity), "faulty")
        headers = headers or [(HEADER_RECORD_TYPE, RecordType.ENVELOPE.value.encode())]
        async with make_producer(link) as producer:
            await producer.send_and_wait(submit_topic(SENDER), value, key=key, headers=headers)


def _operator(world: ProcessWorld) -> str:
    return read_control(load_exchange(world.running.world.exchange_config).folders.data).url


def _refused(world: ProcessWorld) -> list[str]:
    """Reasons of the messages that the exchange refused."""
    answer = httpx2.get(f"{_operator(world)}/v1/attention", trust_env=False).json()
    return [row["reason"] for row in answer["refused"]]


def _is_refused(world: ProcessWorld, message_id: str) -> bool:
    response = httpx2.get(f"{_operator(world)}/v1/transfers/{message_id}", trust_env=False)
    found = response.json() if response.is_success else {"transfers": [], "messages": []}
    messages = [*found["messages"], *(one for row in found["transfers"] for one in row["messages"])]
    return any(one["message_id"] == message_id and one["verdict"]["code"] == "refused" for one in messages)


async def _everything_happens(world: ProcessWorld) -> None:
    story = _Story(world)
    story.export(_PATIENT_CASE, "tot.xml")
    await story.delivered(_PATIENT_CASE)
    story.export(replace(_PATIENT_CASE, serial=3002), "sai.xml", NGAY_SINH=PATIENT["name"], GIOI_TINH=PATIENT["card"])
    whole = transfer_file(_PATIENT_CASE, story.now)
    world.export(SENDER, "hong.xml", whole[: len(whole) // 2] + PATIENT["name"].encode() + b"</GIAMDINHHS>")
    await story.refused_files(2)
    await story.corrected()
    await story.declined_then_accepted()
    await story.refused_by_the_exchange()
    await story.junk()
    last = replace(_PATIENT_CASE, serial=3003)
    story.export(last, "sau.xml")
    for name in ("exchange", f"connector-{SENDER}", f"connector-{DESTINATION}"):
        world.kill(name)
    await story.delivered(last)


def _said(world: ProcessWorld) -> Iterator[tuple[str, bytes]]:
    """Every answer that the exchange and the hospitals' doors give to whoever asks, headers included."""
    small, word = world.running.world, PATIENT["mark in the name"]
    lists = ("/v1/transfers", "/v1/attention", "/v1/transfers?situation=stuck", f"/v1/transfers/{word}")
    pages = ("/", "/transfers", "/attention", "/facilities", "/engine", f"/cases/{word}", "/metrics", "/health")
    codes: list[str] = []
    with httpx2.Client(trust_env=False, base_url=_operator(world)) as client:
        found = client.get("/v1/transfers").json()["transfers"]
        codes = [row["case_code"] for row in found]
        assert len(codes) == 2
        cases = [f"{place}/{code}" for code in codes for place in ("/v1/transfers", "/cases")]
        yield from _answers(client, "operator", (*lists, *pages, "/v1/overview", "/openapi.json", "/ready", *cases))
    web = (load_exchange(small.exchange_config).folders.data / "web-address").read_text().strip()
    for code, site in small.hospitals.items():
        context = client_context(small.exchange / "ca.pem", KeyFolder(site.folder / "keys").identity("tls"))
        with httpx2.Client(trust_env=False, base_url=web, verify=context) as client:
            cases = [f"/v1/transfers/{each}" for each in codes]
            yield from _answers(client, f"facility {code}", (*lists, *cases))
        with httpx2.Client(trust_env=False, base_url=read_control(world.settings[code].folders.data).url) as client:
            doors = ("/health", "/ready", "/metrics", "/board", "/sending", "/control/status", "/enter?key=wrong")
            yield from _answers(client, f"connector {code} without its secret", doors)


def _answers(client: httpx2.Client, who: str, paths: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    for path in paths:
        response = client.get(path)
        assert response.status_code < 500 or path == "/ready", (who, path, response.status_code)
        name = path.replace(PATIENT["mark in the name"], "…")
        yield f"{who} {name}", repr(response.headers.raw).encode() + b"\n" + response.content


def _hospitals_own(path: Path) -> bool:
    """Exports of the sender's HIS, and what the two hospitals of this patient keep; but not why a file was refused."""
    own = below("hospitals/his-exports/24Z01", *(f"hospitals/{code}" for code in (SENDER, DESTINATION)))
    return own(path) and "refused" not in path.parts


def _junk_as_written(path: Path) -> bool:
    return submit_topic(SENDER) in str(path)


@contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        yield


async def _gather(world: ProcessWorld) -> None:
    """Dumps and audit export, and a stranger's word on them, beside them. Junk has no answer, so he may object."""
    small = world.running.world
    sources = {code: folder_digests(site.export) for code, site in small.hospitals.items()}
    folder = await gather(small, sources)
    _, claims = await asyncio.to_thread(ask_a_stranger, folder)
    assert claims
    (folder / "claims.json").write_text(json.dumps(claims), "utf-8")


async def test_no_word_about_a_patient_leaves_the_hospitals(tmp_path: Path) -> None:
    folder, said = tmp_path / "world", list[Hit]()
    with _temporary_files_in(folder / "temporary"):
        async with running_world(folder) as world:
            await _everything_happens(world)
            answers = await asyncio.to_thread(lambda: dict(_said(world)))
            await _gather(world)
    for where, content in answers.items():
        said += in_bytes(where, content, PATIENT | JUNK)
    assert said == []
    assert in_folder(folder, PATIENT, _hospitals_own) == []
    assert in_folder(folder, JUNK, _junk_as_written) == []
    _it_was_all_there(folder)


def _it_was_all_there(folder: Path) -> None:
    """What the search must find where it may be, or it searched for nothing."""
    at_home = places(in_folder(folder / "hospitals", PATIENT))
    assert f"{DESTINATION}/data/connector.sqlite" in at_home
    assert any(place.startswith(f"{DESTINATION}/incoming/") for place in at_home)
    assert any(place.startswith(f"his-exports/{SENDER}/") for place in at_home)
    assert {hit.word for hit in in_folder(folder / "hospitals" / DESTINATION, PATIENT)} == set(PATIENT)
    junk = places(in_folder(folder, JUNK))
    assert any(place.startswith("kafka/") for place in junk)
    assert any(place.startswith("evidence/topics/") for place in junk)
    assert len(list((folder / "hospitals" / SENDER / "data" / "refused").glob("*.txt"))) == 2
    for name in ("exchange", f"connector-{SENDER}", f"connector-{DESTINATION}"):
        assert (folder / "logs" / f"{name}.log").stat().st_size > 0
