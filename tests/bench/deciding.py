"""The stages without I/O, on one core: open, verify, read, gate, and the decision on what came out."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from broker.material import CurrentMaterial, load_keys
from broker.recording.ledger import Ledger
from broker.settings import ExchangeSettings
from broker.stages.checking import CheckedMessage
from broker.stages.deciding import decide
from broker.stages.examining import Material, examine
from broker.stages.known import Standing
from broker.stages.opening import open_submission
from broker.stages.submission import Record, pointer_to, take
from broker.stages.verifying import verify_submission
from schemas.content import content_sha256
from schemas.message import read_facts
from schemas.profile.gate import judge
from schemas.strict_json import loads
from schemas.tokens.receipt import Verdict
from schemas.topics import HEADER_RECORD_TYPE, RecordType, submit_topic
from tests.bench.arithmetic import per_second
from tests.bench.sealing import Sealed

_HEADERS = ((HEADER_RECORD_TYPE, RecordType.ENVELOPE.value.encode()),)


def measure(settings: ExchangeSettings, records: Sequence[Sealed], rounds: int = 5) -> float:
    """Records in a second of processor time, the best of some rounds. Raises ValueError when one is not accepted."""
    material = CurrentMaterial(settings, load_keys(settings)).current()
    now = datetime.now(UTC)
    codes = {code for one in records for code in (one.sender, one.destination)}
    ledger = Ledger(standings=dict.fromkeys(codes, Standing.ACTIVE))
    given = [
        Record(submit_topic(one.sender), 0, offset, one.value, _HEADERS, now) for offset, one in enumerate(records)
    ]
    return max(_round(given, material, ledger, now) for _ in range(rounds))


def stages(settings: ExchangeSettings, records: Sequence[Sealed], rounds: int = 5) -> dict[str, float]:
    """Processor microseconds that each stage takes for one record, the best of some rounds."""
    material = CurrentMaterial(settings, load_keys(settings)).current()
    now = datetime.now(UTC)
    given = [Record(submit_topic(one.sender), 0, 0, one.value, _HEADERS, now) for one in records]
    submissions = [take(one, pointer_to(one)) for one in given]
    opened = [open_submission(one, material.keys) for one in submissions]
    verified = [verify_submission(one, material.trust, now) for one in opened]
    bundles = [loads(one.message.payload) for one in verified]
    judged = [(bundle, read_facts(bundle)) for bundle in bundles]
    return {
        "record digest": _best(pointer_to, given, rounds),
        "open": _best(lambda one: open_submission(one, material.keys), submissions, rounds),
        "verify": _best(lambda one: verify_submission(one, material.trust, now), opened, rounds),
        "read strictly": _best(lambda one: loads(one.message.payload), verified, rounds),
        "content digest": _best(content_sha256, bundles, rounds),
        "facts": _best(read_facts, bundles, rounds),
        "gate": _best(lambda one: judge(*one), judged, rounds),
    }


def _best(stage: Callable[[Any], object], given: Sequence[Any], rounds: int) -> float:
    best = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        for one in given:
            stage(one)
        best = min(best, time.process_time() - began)
    return round(1e6 * best / len(given), 1)


def _round(given: Sequence[Record], material: Material, ledger: Ledger, now: datetime) -> float:
    began = time.process_time()
    for record in given:
        examined = examine(record, material, now)
        if not isinstance(examined, CheckedMessage):
            raise ValueError("a record of the bench was not even checked")
        if decide(ledger.known_for(examined), examined, now).verdict is not Verdict.ACCEPTED:
            raise ValueError("a record of the bench was not accepted")
    return per_second(len(given), time.process_time() - began)
