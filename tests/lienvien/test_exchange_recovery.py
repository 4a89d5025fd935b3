"""What the commands say: which tool is the right one, what was recovered, what is left to people."""

from dataclasses import replace
from pathlib import Path

import pytest

from broker.recovery.recover import Outcome
from broker.settings import load
from broker.settings_file import settings_text
from lienvien.exchange_recovery import PostgresqlError, back_up, outcome_words

DONE = Outcome(
    needed=True,
    done=True,
    generation=2,
    records_read=7,
    facts={
        "messages": 4,
        "receipts_given_anew": 0,
        "transfers": 3,
        "acks": 2,
        "numbers": 9,
        "voids": 0,
        "queued_from_submit_topics": 1,
        "directory_entries": 0,
        "facilities_admitted_again": ["24Z02"],
        "audit_entries_lost_at_least": 5,
        "resend": [{"facility": "24Z01", "message_id": "a1", "why": "held"}],
        "unproven": [],
    },
)


def test_with_postgresql_the_command_does_not_pretend(tmp_path: Path) -> None:
    path = tmp_path / "exchange.toml"
    text = settings_text(
        exchange={"name": "thu"}, kafka={"bootstrap": "localhost:1"}, database={"url": "postgresql://localhost/x"}
    )
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PostgresqlError, match="pg_basebackup"):
        back_up(load(path), tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_what_was_done_and_what_is_left_is_said_in_both_languages() -> None:
    said = outcome_words(DONE)
    for words in (
        "Đã khôi phục",
        "Recovered, generation 2",
        "lienvien exchange facility show 24Z02",
        "24Z01  a1  held",
    ):
        assert words in said
    assert "records that prove nothing" not in said


def test_a_dry_run_does_not_claim_to_have_done_it() -> None:
    assert "Would recover (dry run)" in outcome_words(replace(DONE, done=False))


def test_nothing_to_do_is_said_plainly() -> None:
    assert "Nothing to recover" in outcome_words(Outcome(False, False, 3, 100))
