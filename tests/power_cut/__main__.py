"""``python -m tests.power_cut [--images N] [--seed N]``: record, cut, judge, print, ``build/crash-images.json``."""

import argparse
import json
import multiprocessing
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import apsw

from tests.broker.desk import STRANGER
from tests.certs.pki import BAC_GIANG, BACH_MAI, make_pki
from tests.power_cut.connector_story import record_inbox, record_outbox
from tests.power_cut.exchange_story import record_exchange
from tests.power_cut.handover_story import HandoverStory, cut_handovers, record_handovers
from tests.power_cut.judging import Example, Story, Tally, Verdict, cut, cut_again, spread
from tests.schemas.bundles import DESTINATION, SENDER

_OUTPUT: Final = Path("build/crash-images.json")
_FAILED: Final = Path("build/crash-images-failed")
_HANDOVER_SHARE: Final = 10  # every tenth image is one of folders
_AGAIN_SHARE: Final = 20  # every twentieth is of a second cut, during recovery from the first
_PIECES: Final = 8  # shares of a story: workers that finish early take the next

_stories: list[Story] = []  # workers are forked and find them here
_handovers: list[HandoverStory] = []


def record_all(folder: Path) -> list[Story]:
    """The three databases at work."""
    parties = (BAC_GIANG, BACH_MAI, SENDER, DESTINATION, STRANGER)
    pki = make_pki(folder / "pki", facilities=tuple(dict.fromkeys(parties)))
    return [
        record_outbox(folder / "outbox", pki, 30),
        record_inbox(folder / "inbox", pki, 48),
        record_exchange(folder / "exchange", pki, 24),
    ]


def _share(task: tuple[int, Sequence[int], int, int]) -> tuple[str, Tally]:
    number, places, per_point, seed = task
    if number < 0:
        piece = HandoverStory([_handovers[0].stories[place] for place in places])
        return "folder-hand-over", cut_handovers(piece, per_point, seed)
    if not places:
        return _stories[number].name, cut_again(_stories[number], per_point, seed)
    return _stories[number].name, cut(_stories[number], places, per_point, seed)


def _tasks(images: int, seed: int) -> Iterator[tuple[int, Sequence[int], int, int]]:
    databases = images - images // _HANDOVER_SHARE
    for number, story in enumerate(_stories):
        places, per_point = spread(story, databases // len(_stories) + 1, seed)
        for piece in range(_PIECES):
            begin, end = len(places) * piece // _PIECES, len(places) * (piece + 1) // _PIECES
            if begin < end:
                yield number, places[begin:end], per_point, seed
        yield number, (), databases // _AGAIN_SHARE // len(_stories), seed
    stories = range(len(_handovers[0].stories))
    for piece in range(_PIECES):
        yield -1, stories[piece::_PIECES], images // _HANDOVER_SHARE // _PIECES, seed


def run(images: int, seed: int, processes: int) -> dict[str, Any]:
    """Everything, as the report's facts."""
    began = time.perf_counter()
    folder = Path(tempfile.mkdtemp(prefix="power-cut-recording-"))
    try:
        _stories[:] = record_all(folder)
        _handovers[:] = [record_handovers(folder / "handover")]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    recorded = time.perf_counter()
    tallies: dict[str, Tally] = {}
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        for name, tally in pool.imap_unordered(_share, list(_tasks(images, seed))):
            tallies.setdefault(name, Tally()).add(tally)
    seconds = time.perf_counter() - recorded
    return _report(tallies, seed, recorded - began, seconds)


def _report(tallies: dict[str, Tally], seed: int, recording_s: float, seconds: float) -> dict[str, Any]:
    total = Tally()
    for tally in tallies.values():
        total.add(tally)
    broken = [law for story in _stories for law in story.broken_laws()]
    return {
        "seed": seed,
        "images": total.images,
        "distinct": total.distinct,
        "per_second": round(total.images / seconds, 1),
        "seconds": round(seconds, 1),
        "recording_seconds": round(recording_s, 1),
        "lost": total.verdicts[Verdict.LOST],
        "corrupt": total.verdicts[Verdict.CORRUPT],
        "half": total.verdicts[Verdict.HALF],
        "invented": total.verdicts[Verdict.INVENTED],
        "upper_bound_95": 3 / total.images if total.images and not total.bad else None,
        "kinds": dict(sorted(total.kinds.items())),
        "subjects": {name: _subject(name, tally) for name, tally in sorted(tallies.items())},
        "laws_broken_without_a_cut": broken,
        "examples": [_kept(example) for example in total.examples],
        "sqlite": {"product": sqlite3.sqlite_version, "second_opinion": apsw.sqlite_lib_version()},
        "python": sys.version.split()[0],
        "processors": os.cpu_count(),
    }


def _kept(example: Example) -> dict[str, Any]:
    """An example for the report; its files go beside it, to be opened again."""
    folder = _FAILED / f"{example.story}-{example.event}-{example.number}".replace(" ", "-").replace(",", "")
    for name, content in example.image.items():
        path = folder / name
        (path if content is None else path.parent).mkdir(parents=True, exist_ok=True)
        if content is not None:
            path.write_bytes(content)
    facts = {key: value for key, value in vars(example).items() if key != "image"}
    return {**facts, "files": str(folder)}


def _subject(name: str, tally: Tally) -> dict[str, Any]:
    facts: dict[str, Any] = {"images": tally.images, "distinct": tally.distinct, "bad": tally.bad}
    for story in _stories:
        if story.name == name:
            facts |= {"operations": story.trace.operations, "transactions": story.trace.writes}
    if name == "folder-hand-over":
        facts |= {"operations": _handovers[0].operations, "parcels": _handovers[0].parcels}
    return facts


def _print(report: dict[str, Any]) -> None:
    print(
        f"{report['images']} ảnh đĩa sau mất điện, khác nhau {report['distinct']}, {report['per_second']} mỗi giây\n"
        f"{report['images']} images of a power cut, {report['distinct']} of them different,"
        f" {report['per_second']} per second, {report['seconds']} s"
    )
    for name, facts in report["subjects"].items():
        print("  " + name.ljust(18) + "  ".join(f"{key} {value}" for key, value in facts.items()))
    print("  kinds: " + "  ".join(f"{kind} {count}" for kind, count in report["kinds"].items()))
    print(
        f"mất / lost {report['lost']}   hỏng / corrupt {report['corrupt']}   nửa vời / half {report['half']}"
        f"   bịa / invented {report['invented']}"
    )
    for example in report["examples"][:10]:
        print(f"  {example}")
    for law in report["laws_broken_without_a_cut"][:10]:
        print(f"  {law}")


def main() -> int:
    """0 when nothing was lost, corrupt, half or invented."""
    parser = argparse.ArgumentParser(prog="tests.power_cut")
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    report = run(options.images, options.seed, options.processes)
    _print(report)
    _OUTPUT.parent.mkdir(exist_ok=True)
    _OUTPUT.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    bad = report["lost"] + report["corrupt"] + report["half"] + report["invented"]
    return 1 if bad or report["laws_broken_without_a_cut"] else 0


if __name__ == "__main__":
    sys.exit(main())
