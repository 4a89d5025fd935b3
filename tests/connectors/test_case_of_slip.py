"""Which case a slip belongs to: laws over every standing."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.asking import WORDS, Ask
from connectors.case_of_slip import (
    Meaning,
    Standing,
    case_key,
    content_digest,
    is_other_patient,
    judge_slip,
    old_slip,
    patient_key,
    slip_text,
)
from connectors.sources.xml13.dialects import Slip
from connectors.sources.xml13.envelope import read_envelope
from connectors.sources.xml13.records import Dossier
from connectors.store.case_keys import KnownCase
from connectors.store.outbox_rows import OutState
from schemas.lifecycle import Decision
from schemas.urgency import Priority
from tests.connectors.exports import export

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


def dossier(**values: str) -> Dossier:
    return read_envelope(export(NOW, "24001", "01901", 1, **values)).dossiers[0]


def slip(**values: str) -> Slip:
    found = dossier(**values).slip
    assert found is not None
    return found


def known(**changes: str) -> KnownCase:
    plain = KnownCase(
        key="k",
        case_id="c",
        transfer_id="t",
        case_code="code",
        destination="01901",
        slip_sha256="digest",
        slip=slip_text(slip()),
        priority="urgent",
        submit_message_id="m",
        last_message_id="m",
    )
    return replace(plain, **changes)


standings = st.builds(
    Standing, st.one_of(st.none(), st.sampled_from([state.value for state in OutState])), st.sampled_from(Decision)
)


def test_a_new_slip_is_a_new_case() -> None:
    assert judge_slip(None, "x", "01901", None).meaning is Meaning.NEW


@given(standings)
def test_the_same_content_for_the_same_destination_is_never_sent_again(standing: Standing) -> None:
    assert judge_slip(known(), "digest", "01901", standing).meaning is Meaning.SAME


@given(standings, st.sampled_from(["digest", "other"]))
def test_another_destination_is_never_an_update(standing: Standing, digest: str) -> None:
    judged = judge_slip(known(), digest, "01Z97", standing)
    assert judged.meaning is Meaning.NEW_OFFER
    open_offer = standing.decision in (
        Decision.OPEN,
        Decision.UNDER_REVIEW,
        Decision.AWAITING_INFORMATION,
        Decision.ACCEPTED,
    )
    never_arrived = standing.submit_state in ("refused", "discarded")
    assert (judged.ask is Ask.DESTINATION_CHANGED) == (open_offer and not never_arrived)


@given(standings)
def test_other_content_is_an_update_unless_the_transfer_ended_or_never_began(standing: Standing) -> None:
    judged = judge_slip(known(), "other", "01901", standing)
    if standing.submit_state in ("refused", "discarded"):
        assert judged.meaning is Meaning.AGAIN
    elif standing.decision in (Decision.CANCELLED, Decision.EXPIRED):
        assert (judged.meaning, judged.ask) == (Meaning.NEW_OFFER, Ask.TRANSFER_ENDED)
    else:
        assert (judged.meaning, judged.ask) == (Meaning.UPDATE, None)


@given(standings, st.sampled_from(Priority), st.sampled_from(Priority))
def test_only_a_higher_urgency_is_a_change(standing: Standing, before: Priority, asked: Priority) -> None:
    judged = judge_slip(known(priority=before.value), "digest", "01901", standing, asked)
    assert (judged.meaning is Meaning.SAME) == (asked.rank >= before.rank)


def test_the_key_is_the_slip_number_within_its_sender() -> None:
    assert case_key(slip(), "24001") == case_key(slip(CHAN_DOAN_RV="khác", MA_LK="x"), "24001")
    assert case_key(slip(), "24001") != case_key(slip(), "24002")


@pytest.mark.parametrize("tag", ["MA_LK", "MA_NOI_DEN", "NGAY_RA"])
def test_without_a_number_episode_destination_and_day_make_the_key(tag: str) -> None:
    other = {"MA_LK": "other", "MA_NOI_DEN": "01Z97", "NGAY_RA": "202611010800"}[tag]
    plain = slip(GIAY_CHUYEN_TUYEN="")
    assert case_key(plain, "24001") == case_key(slip(GIAY_CHUYEN_TUYEN="", HO_TEN="KHÁC"), "24001")
    assert case_key(plain, "24001") != case_key(slip(GIAY_CHUYEN_TUYEN="", **{tag: other}), "24001")


@pytest.mark.parametrize(
    ("values", "other"),
    [
        ({}, False),
        ({"HO_TEN": "TÊN ĐÃ SỬA"}, False),
        ({"MA_LK": "another"}, False),
        ({"HO_TEN": "NGƯỜI KHÁC", "MA_LK": "another"}, True),
    ],
)
def test_only_another_name_with_another_episode_is_another_patient(values: dict[str, str], other: bool) -> None:
    assert is_other_patient(known(), slip(**values)) is other


def test_another_patient_gets_a_key_of_his_own() -> None:
    one, two = slip(MA_LK="1"), slip(MA_LK="2")
    assert len({patient_key(one, "24001"), patient_key(two, "24001"), case_key(one, "24001")}) == 3


def test_the_digest_follows_every_table() -> None:
    base = dossier()
    row = {"MA_LK": "x", "GIA_TRI": "1"}
    variants = [
        base,
        dossier(CHAN_DOAN_RV="khác"),
        replace(base, summary=row),
        replace(base, drugs=(row,)),
        replace(base, results=(row,)),
        replace(base, course=(row,)),
        replace(base, results=(row, row)),
    ]
    assert len({content_digest(variant) for variant in variants}) == len(variants)
    assert content_digest(base) == content_digest(dossier())


def test_empty_and_absent_are_kept_apart_in_what_is_remembered() -> None:
    remembered = old_slip(known()).values
    assert remembered == dict(slip().values)
    assert "" in remembered.values()


def test_every_question_has_words_in_both_languages() -> None:
    assert set(WORDS) == set(Ask)
    assert all(vi and en for vi, en in WORDS.values())
