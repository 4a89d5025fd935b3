"""A connector's state on a terminal: whatever needs a person says what, who and how."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from connectors import settings
from connectors.actions import ActionError
from lienvien import connector_process
from lienvien.__main__ import app
from lienvien.answering import REFUSED
from lienvien.connector_words import act_words, case_words, status_words, to_fix_lines, transfer_words


def _status(**changes: Any) -> dict[str, Any]:
    return {
        "facility": "24Z01",
        "name": "Bệnh viện A",
        "link": {"connected": True, "trouble": None},
        "outbox": {"counts": {"accepted": 2, "sent": 0}},
        "inbox": {"complete_to": 7, "missing": []},
        "handover": {"waiting": 1},
        "certificates": [{"purpose": "tls", "days_left": 12}],
        "to_fix": [],
        "alarms": [],
        "transfers": [],
        **changes,
    }


def test_a_refused_file_names_file_field_fixer_and_paper() -> None:
    finding = {"vi": "NGAY_SINH: sai.", "en": "NGAY_SINH: wrong.", "fixer": "sender-clerk"}
    item = {"path": "/his/a.xml", "findings": [finding], "document": "/data/refused/a.txt"}
    lines = to_fix_lines(item)
    assert lines == [
        "! /his/a.xml  [sender-clerk]",
        "    NGAY_SINH: sai.",
        "    NGAY_SINH: wrong.",
        "    → /data/refused/a.txt",
    ]


def test_a_refused_message_without_file_is_named_by_its_case() -> None:
    item = {"case_code": "24Z01-2211-001-7", "vi": "Sai.", "en": "Wrong.", "fixer": "vendor"}
    assert to_fix_lines(item)[0] == "! 24Z01-2211-001-7  [vendor]"


def test_a_message_refused_without_a_known_sentence_is_still_shown() -> None:
    assert to_fix_lines({"case_code": "X"}) == ["! X  []"]


def test_the_screen_shows_link_counts_certificates_and_what_waits() -> None:
    words = status_words(_status())
    assert "tốt / up" in words
    assert "2 · Trục đã nhận / accepted by the exchange" in words
    assert "receipt YET" not in words
    assert "tls: 12" in words
    assert "hand-over: 1" in words


def test_a_lost_link_says_why_and_who_must_act_in_both_languages() -> None:
    words = status_words(_status(link={"connected": False, "trouble": "not-allowed"}))
    assert "MẤT KẾT NỐI / NOT CONNECTED" in words
    assert "gọi điều hành trục" in words
    assert "call the operator of the exchange" in words


def test_a_link_that_reads_but_does_not_send_is_not_called_good() -> None:
    words = status_words(_status(link={"connected": True, "trouble": "unreachable"}))
    assert "tốt / up" not in words
    assert "the exchange cannot be reached" in words


def test_what_waits_for_the_line_is_counted_as_not_sent() -> None:
    assert "1 · CHƯA GỬI" in status_words(_status(outbox={"counts": {"ready": 1}}))


def _transfer(**changes: Any) -> dict[str, Any]:
    times = ("prepared", "sent", "received", "delivered", "opened", "decided", "departed", "arrived", "cancelled")
    return {
        "case_code": "24Z01-2211-001-7",
        "sender": "24Z01",
        "destination": "01929",
        "urgency": "urgent",
        "state": {"delivery": "submitted", "decision": "open", "journey": "not-departed", "loop": "none"},
        "conflict": None,
        **{f"{name}_at": None for name in times},
        **changes,
    }


def test_a_slip_that_has_not_left_is_never_called_submitted() -> None:
    words = transfer_words(_transfer(prepared_at="2026-11-22T23:08:28.865Z"))
    assert "CHƯA GỬI" in words
    assert "NOT SENT" in words
    assert "submitted" not in words


def test_a_transfer_is_told_by_its_last_proven_step_in_both_languages() -> None:
    words = transfer_words(
        _transfer(received_at="2026-11-22T23:08:32.891Z", delivered_at="2026-11-22T23:08:33.927Z")
    ).splitlines()
    assert words[0] == "24Z01-2211-001-7  24Z01 → 01929  Khẩn / urgent"
    assert words[1:] == [
        "    23/11/2026 06:08  Đã tới máy nơi nhận, chưa ai xem · Chưa có quyết định · Chưa báo xuất phát",
        "                      reached the machine there, nobody has looked · no decision yet · departure not reported",
    ]


def test_a_decision_that_met_another_is_shown_with_the_transfer() -> None:
    assert "quyết định" in transfer_words(_transfer(conflict={"reason": "crossed"})).splitlines()[-2]


def test_one_case_shows_each_proven_step_with_its_time() -> None:
    row = _transfer(received_at="2026-11-22T23:08:32.891Z", opened_at="2026-11-22T23:09:33.927Z")
    words = case_words({"transfers": [row], "received": []})
    assert "    23/11/2026 06:08  Trục đã nhận / received by the exchange" in words
    assert "    23/11/2026 06:09  Đã có người mở xem / opened by a person" in words


def test_no_transfer_at_all_is_said() -> None:
    assert "no transfers yet" in case_words({"transfers": []})


def test_an_act_says_not_sent_until_the_receipt() -> None:
    assert "NOT SENT" in act_words({"case_code": "24Z01-2211-001-7"})
    assert act_words([{"case_code": "A"}, {"case_code": "B"}]).count("NOT SENT") == 2


def test_a_certificate_that_has_ended_is_not_counted_in_days() -> None:
    words = status_words(_status(certificates=[{"purpose": "tls", "days_left": -1}]))
    assert "tls: ĐÃ HẾT HẠN / EXPIRED" in words


def test_what_lacks_names_its_option_on_the_command_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def perform(*_: Any, **__: Any) -> None:
        raise ActionError("words-needed", "Cần ghi rõ.", "Say it in words.")

    monkeypatch.setattr(connector_process, "perform", perform)
    monkeypatch.setattr(settings, "load", lambda _: None)
    config = str(tmp_path / "connector.toml")
    said = CliRunner().invoke(app, ["connector", "cancel", "X", "--reason", "other", "--config", config])
    assert said.exit_code == REFUSED
    assert said.output.splitlines() == ["Cần ghi rõ.", "Say it in words.", "[words-needed] --text"]
