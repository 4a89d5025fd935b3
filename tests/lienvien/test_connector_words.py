"""A connector's state on a terminal: whatever needs a person says what, who and how."""

from typing import Any

from lienvien.connector_words import act_words, status_words, to_fix_lines


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
    assert "accepted 2" in words
    assert "sent" not in words.split("inbox")[0].replace("accepted", "")
    assert "tls: 12" in words
    assert "hand-over: 1" in words


def test_a_lost_link_says_why() -> None:
    assert "refused" in status_words(_status(link={"connected": False, "trouble": "refused"}))


def test_an_act_says_not_sent_until_the_receipt() -> None:
    assert "NOT SENT" in act_words({"case_code": "24Z01-2211-001-7"})
    assert act_words([{"case_code": "A"}, {"case_code": "B"}]).count("NOT SENT") == 2
