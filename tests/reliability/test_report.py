"""The report says what the harnesses wrote, adds up rounds, and never turns something missing into something good."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.reliability.gathering import CRASH_IMAGES, gather, upper_bound
from tests.reliability.page import page


def _round(build: Path, seed: int, *, sent: int = 100, lost: int = 0) -> None:
    folder = build / "chaos" / f"{seed}-20261123T000000"
    folder.mkdir(parents=True)
    run: dict[str, Any] = {
        "commit": "abc1234",
        "seed": seed,
        "machine": "a machine",
        "started_at": "2026-11-23T00:00:00.000Z",
        "faults_ended_at": "2026-11-23T00:02:00.000Z",
        "ended_at": "2026-11-23T00:03:00.000Z",
        "facilities": ["24Z01", "01929"],
        "faults": {"kill-kafka": 1, "kill-worker": 2},
        "failpoints": {"relay.after-publish": 3},
        "situations": {},
        "restarts": {"worker -9": 2},
    }
    outcomes = {"I1": lost, "I2": 0, "I7": 0}
    verdict = {
        "green": not lost,
        "counts": {"messages_sent": sent, "records": 10 * sent, "audit_leaves": 5 * sent},
        "invariants": [
            {"name": name, "outcome": "fail" if how_many else "pass", "how_many": how_many}
            for name, how_many in outcomes.items()
        ],
    }
    (folder / "run.json").write_text(json.dumps(run), "utf-8")
    (folder / "verdict.json").write_text(json.dumps(verdict), "utf-8")


def test_rounds_are_added_up(tmp_path: Path) -> None:
    _round(tmp_path, 1)
    _round(tmp_path, 2, sent=50)
    chaos = gather(tmp_path)["chaos"]
    assert (chaos["transfers"], chaos["records"]) == (150, 1500)
    assert chaos["faults"] == {"kill-kafka": 2, "kill-worker": 4}
    assert chaos["against"] == {"I1": 0, "I2": 0, "I7": 0}
    assert [one["green"] for one in chaos["rounds"]] == [True, True]


def test_what_was_lost_stands_at_the_top_and_names_its_round(tmp_path: Path) -> None:
    _round(tmp_path, 1)
    _round(tmp_path, 2, lost=3)
    said = page(gather(tmp_path))
    assert "| lost | 3 | 200 |" in said
    assert "RED: I1" in said


def test_a_round_that_nobody_judged_does_not_count(tmp_path: Path) -> None:
    _round(tmp_path, 1)
    next(tmp_path.glob("chaos/*/verdict.json")).unlink()
    document = gather(tmp_path)
    assert document["chaos"]["rounds"] == []
    assert "No round is on record." in page(document)


def test_nothing_at_all_is_said_to_be_nothing(tmp_path: Path) -> None:
    said = page(gather(tmp_path))
    assert said.count("Not on record.") == 4
    assert "green" not in said


@pytest.mark.parametrize("content", ["", "[]", "{"])
def test_a_result_that_was_cut_off_is_no_result(tmp_path: Path, content: str) -> None:
    (tmp_path / CRASH_IMAGES).write_text(content, "utf-8")
    assert gather(tmp_path)["crash_images"] is None


def test_a_verdict_that_was_cut_off_stops_the_report(tmp_path: Path) -> None:
    _round(tmp_path, 1)
    next(tmp_path.glob("chaos/*/verdict.json")).write_text("{", "utf-8")
    with pytest.raises(ValueError, match="1-20261123"):
        gather(tmp_path)


def test_nothing_found_is_no_proof_of_nothing() -> None:
    assert upper_bound(0) is None
    assert upper_bound(300) == pytest.approx(0.01)


def test_images_and_their_kinds(tmp_path: Path) -> None:
    found = {
        "images": 60_000,
        "distinct": 50_000,
        "lost": 0,
        "corrupt": 0,
        "half": 0,
        "invented": 0,
        "laws_broken_without_a_cut": [],
        "kinds": {"torn": 9},
        "subjects": {"outbox": {"images": 60_000, "bad": 0}},
    }
    (tmp_path / CRASH_IMAGES).write_text(json.dumps(found), "utf-8")
    said = page(gather(tmp_path))
    assert "60,000 images" in said
    assert "at most 50 per million" in said
    assert "torn 9" in said
