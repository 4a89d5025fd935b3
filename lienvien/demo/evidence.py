"""Hands the evidence to a stranger: folders, a raw dump, the audit log with its salts, certificates. No key."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from broker.audit.export import AUDITOR
from broker.settings import load
from certs.base64url import decode
from lienvien import exchange_acts
from lienvien.dumping import dump_topics
from lienvien.enrolment import KeyFolder
from lienvien.prove.evidence import (
    AUDIT,
    AUTHORITY,
    EXCHANGE_CERTIFICATE,
    TOPICS,
    DumpedRecord,
    Hospital,
    write_manifest,
)
from lienvien.world.build import EXCHANGE, World
from schemas.topics import INBOX_PREFIX, RecordType, inbox_topic, submit_topic

RECEIPTS: Final = "receipts"


async def gather(world: World, sources: Mapping[str, Mapping[str, str]]) -> Path:
    """Writes the folder of evidence; ``sources`` are the digests of the export folders, taken when they were filled."""
    folder = world.folder / "evidence"
    folder.mkdir(exist_ok=True)
    shutil.copyfile(world.folder / "ca" / "ca.pem", folder / AUTHORITY)
    signing = KeyFolder(world.exchange / "keys").certificate("signing")
    shutil.copyfile(signing, folder / EXCHANGE_CERTIFICATE)
    topics = [topic(code) for code in world.hospitals for topic in (submit_topic, inbox_topic)]
    await dump_topics(world.link("dump"), topics, folder)
    arguments = {"folder": str(folder / AUDIT), "reader": AUDITOR}
    await exchange_acts.perform(load(world.exchange_config), "audit-export", arguments)
    write_manifest(
        folder,
        EXCHANGE,
        [
            Hospital(
                code,
                site.facility.name,
                Path("..") / site.export.relative_to(world.folder),
                Path("..") / site.incoming.relative_to(world.folder),
                sources[code],
            )
            for code, site in world.hospitals.items()
        ],
    )
    return folder


def write_receipts(folder: Path, codes: Mapping[str, str]) -> dict[str, Path]:
    """Puts each case's first receipt into a file of its own; ``codes``: case id → case code. By case code."""
    written: dict[str, Path] = {}
    (folder / RECEIPTS).mkdir(exist_ok=True)
    for dump in sorted((folder / TOPICS).glob(f"{INBOX_PREFIX}*.jsonl")):
        for line in dump.read_text("utf-8").splitlines():
            record = DumpedRecord.from_json(dump.stem, line)
            if record.record_type == RecordType.RECEIPT:
                code = codes.get(str(_payload(record.value).get("case_id")))
                if code and code not in written:
                    written[code] = folder / RECEIPTS / f"{code}.jws"
                    written[code].write_bytes(record.value)
    return written


def _payload(token: bytes) -> dict[str, object]:
    payload: dict[str, object] = json.loads(decode(token.split(b".")[1]))
    return payload


def ask_a_stranger(folder: Path) -> tuple[int, list[dict[str, object]]]:
    """A second process checks the folder; its exit code and its claims."""
    done = subprocess.run(
        [sys.executable, "-m", "lienvien", "prove", str(folder), "--json"], capture_output=True, check=False
    )
    try:
        return done.returncode, json.loads(done.stdout)
    except ValueError:
        return done.returncode or 1, []
