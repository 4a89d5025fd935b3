"""What people are told: sentences for every alarm, cards from any Bundle, papers that say who must act."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.alarm_words import AlarmCode, alarm_words
from connectors.card import answer_card, case_code_of, patient_card, slip_number_of
from connectors.papers import Papers
from connectors.progress import Progress, newer, progress_from, state_text
from connectors.sources.seen_files import FileIdentity
from connectors.sources.xml13.findings import finding
from schemas.lifecycle import Decision, Delivery, Journey, Loop, TransferState
from schemas.reasons import REASONS, ReasonCode
from tests.connectors.bundles import CASE_CODE, make_bundle

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize("code", [*AlarmCode, *ReasonCode])
def test_every_alarm_is_said_in_both_languages(code: str) -> None:
    vi, en = alarm_words(code)
    assert vi != code
    assert en != code
    assert vi != en


def test_an_unknown_alarm_shows_its_code() -> None:
    assert alarm_words("something-new") == ("something-new", "something-new")


def test_alarms_and_reasons_never_share_a_code() -> None:
    assert not {code.value for code in AlarmCode} & {code.value for code in REASONS}


# --- cards ----------------------------------------------------------------------------------------------------------

_anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["entry", "resource", "resourceType", "name", "text", "identifier", "system", "value", "telecom"]
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)
_resources = st.builds(
    lambda kind, content: {"resource": {**content, "resourceType": kind}},
    st.sampled_from(["Patient", "ServiceRequest", "Task", "Organization", "Practitioner", "PractitionerRole"]),
    st.dictionaries(
        st.sampled_from(["name", "identifier", "telecom", "reasonCode", "code", "statusReason", "note", "extension"]),
        _anything,
        max_size=5,
    ),
)


@given(st.one_of(_anything, st.builds(lambda entries: {"entry": entries}, st.lists(_resources, max_size=5))))
def test_cards_are_read_from_any_content_and_hold_only_texts(content: Any) -> None:
    bundle = content if isinstance(content, dict) else {"entry": content}
    for card in (patient_card(bundle), answer_card(bundle)):
        assert all(isinstance(text, str) and 0 < len(text) <= 500 for text in card.values())
    assert case_code_of(bundle, "0123456789") in ("01234567", CASE_CODE)
    number = slip_number_of(bundle)
    assert number is None or isinstance(number, str)


def test_a_case_code_with_a_wrong_check_character_is_not_believed() -> None:
    bundle = make_bundle("24001", "01901", code=CASE_CODE[:-1] + ("0" if CASE_CODE[-1] != "0" else "1"))
    assert case_code_of(bundle, "abcdef0123") == "abcdef01"


# --- papers ---------------------------------------------------------------------------------------------------------


def identity(path: str) -> FileIdentity:
    return FileIdentity(path, 10, 99, "ab" * 32)


@pytest.mark.parametrize(
    "name", ["phieu.xml", "../../etc/passwd", "CON", "tệp có dấu.xml", "a" * 300 + ".xml", "x\x00y.xml", "..", "."]
)
def test_a_reason_has_a_name_of_ours_whatever_the_file_is_called(tmp_path: Path, name: str) -> None:
    papers = Papers(tmp_path)
    path = papers.reason(identity(f"/xuat/{name}"), 2, [finding(ReasonCode.DATE_IMPOSSIBLE, "NGAY_SINH")], NOW)
    assert path.parent == tmp_path / "refused"
    assert path.name.isascii()
    assert len(path.name) < 120
    text = path.read_text(encoding="utf-8")
    about = REASONS[ReasonCode.DATE_IMPOSSIBLE]
    assert about.vi in text
    assert about.en in text
    assert "NGAY_SINH" in text
    assert "15:00 22/11/2026" in text


def test_a_second_try_writes_the_same_name(tmp_path: Path) -> None:
    papers = Papers(tmp_path)
    found = [finding(ReasonCode.FILE_EMPTY, "file")]
    first = papers.reason(identity("/x.xml"), 0, found, NOW)
    assert papers.reason(identity("/x.xml"), 0, found, NOW) == first
    assert [path.name for path in (tmp_path / "refused").iterdir()] == [first.name]


def test_two_files_of_one_name_get_two_reasons(tmp_path: Path) -> None:
    papers = Papers(tmp_path)
    found = [finding(ReasonCode.FILE_EMPTY, "file")]
    unread = [FileIdentity("/x.xml", size, size, "") for size in (1, 2)]
    assert len({papers.reason(one, 0, found, NOW) for one in unread}) == 2


def test_a_form_to_print_bears_the_case_code(tmp_path: Path) -> None:
    assert Papers(tmp_path).to_print(CASE_CODE, b"%PDF", ".pdf").name == f"{CASE_CODE}.pdf"


# --- progress -------------------------------------------------------------------------------------------------------

states = st.builds(
    TransferState, st.sampled_from(Delivery), st.sampled_from(Decision), st.sampled_from(Journey), st.sampled_from(Loop)
)
told = st.builds(Progress, st.integers(min_value=0, max_value=5), states)


@given(st.lists(told, min_size=1, max_size=8))
def test_the_highest_number_stands_whatever_came_when(words: list[Progress]) -> None:
    known = Progress(0, TransferState())
    for word in words:
        known = newer(known, word, delivered=False)
    assert known.event_seq == max(word.event_seq for word in words)
    assert known.state in [word.state for word in words if word.event_seq == known.event_seq]


@given(told, told)
def test_delivered_is_never_forgotten(known: Progress, word: Progress) -> None:
    found = newer(known, word, delivered=True)
    assert found.state.delivery in (Delivery.DELIVERED, Delivery.OPENED)


@given(states)
def test_a_state_is_stored_and_read_alike(state: TransferState) -> None:
    assert progress_from(7, state_text(state)) == Progress(7, state)
    assert json.loads(state_text(state))["delivery"] == state.delivery.value
