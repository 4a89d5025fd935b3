"""What the operator's command line says of transfers and facilities."""

from typing import Any

from lienvien.exchange_words import facility_words, no_such_case, transfers_words


def _row(**changes: Any) -> dict[str, Any]:
    return {
        "case_code": "24Z01-2211-001-7",
        "case_id": "28503ad1-1fbe-4d70-b792-fff0472b1aa9",
        "sender": "24Z01",
        "destination": "01929",
        "priority": "stat",
        "state": {"delivery": "delivered", "decision": "open", "journey": "not-departed", "loop": "none"},
        "last_proven": {"code": "delivered", "vi": "Đã tới máy", "en": "reached", "at": "2026-11-22T23:08:33.990Z"},
        "situation": "moving",
        "cause": None,
        "stages": [
            {"code": "received", "vi": "Trục đã nhận", "en": "received", "at": "2026-11-22T23:07:32.891Z"},
            {"code": "opened", "vi": "Đã mở", "en": "opened", "at": None},
        ],
        **changes,
    }


def test_a_transfer_is_told_in_both_languages() -> None:
    assert transfers_words([_row()], steps=False).splitlines() == [
        "24Z01-2211-001-7  24Z01 → 01929  Cấp cứu / stat  [Trong hạn / on time]",
        "    23/11/2026 06:08  Đã tới máy · Chưa có quyết định · Chưa báo xuất phát",
        "                      reached · no decision yet · departure not reported",
    ]


def test_what_is_stuck_says_why_and_who_must_act() -> None:
    cause = {"vi": "Quá giờ.", "en": "Late.", "owner": {"vi": "Trực tiếp nhận", "en": "duty desk"}}
    words = transfers_words([_row(situation="stuck", cause=cause)], steps=False)
    assert "Đang tắc / stuck" in words
    assert "! Quá giờ. / Late. → Trực tiếp nhận / duty desk" in words


def test_one_case_shows_each_proven_step_with_its_time() -> None:
    words = transfers_words([_row()], steps=True)
    assert "23/11/2026 06:07  Trục đã nhận / received" in words
    assert "Đã mở" not in words


def test_no_transfer_at_all_is_said() -> None:
    assert "no transfers yet" in transfers_words([], steps=False)


def test_a_slip_number_is_answered_with_where_to_ask() -> None:
    assert "mã ca" in no_such_case("24Z01/2026/1777")["vi"]
    assert "keeps no slip numbers" in no_such_case("24Z01/2026/1777")["en"]


def test_a_facility_is_told_without_programmers_brackets() -> None:
    case = {"sender": "20Z01", "destination": "01929", "case_code": "20Z01-2311-001-X", "submitted_at": "2026"}
    words = facility_words({"facility_id": "20Z01", "status": "suspended", "open_stat_cases": [case]})
    assert "[{" not in words
    assert "20Z01-2311-001-X  20Z01 → 01929" in words
    assert "tối khẩn đang mở / open stat case" in words
    assert "ĐANG BỊ TẠM NGỪNG / SUSPENDED" in words


def test_a_register_that_was_taken_says_how_many() -> None:
    assert "facilities: 5" in facility_words({"facilities": 5})
