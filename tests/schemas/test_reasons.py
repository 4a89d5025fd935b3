"""Reasons: each code once, with a sentence in both languages that says what is wrong and who must act."""

import re

import pytest

from schemas import reasons
from schemas.reasons import REASONS, Disposition, Fixer, Reason, ReasonCode, Refused


def _all() -> list[Reason]:
    modules = [module for name, module in vars(reasons).items() if hasattr(module, "REASONS") and name != "reasons"]
    return [one for module in modules for one in module.REASONS]


def test_each_code_has_exactly_one_reason() -> None:
    codes = [one.code for one in _all()]
    assert sorted(codes) == sorted(ReasonCode)
    assert set(REASONS) == set(ReasonCode)
    assert all(REASONS[code].code is code for code in ReasonCode)


@pytest.mark.parametrize("code", ReasonCode)
def test_codes_are_short_words(code: ReasonCode) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code.value)
    assert len(code.value) <= 64


@pytest.mark.parametrize("code", ReasonCode)
def test_both_sentences_are_whole(code: ReasonCode) -> None:
    one = REASONS[code]
    for text in (one.vi, one.en):
        assert text.endswith(".")
        assert text[0].isupper()
        assert len(text) >= 30
        assert "  " not in text
        assert not re.search(r"[{}<>%]", text.replace("< ", "").replace("> ", "")), "no placeholder is left"
    assert one.vi != one.en


@pytest.mark.parametrize("code", ReasonCode)
def test_the_vietnamese_sentence_has_vietnamese_letters(code: ReasonCode) -> None:
    assert re.search("[ăâđêôơưàáảãạèéẻẽẹìíỉĩịòóỏõọùúủũụỳýỷỹỵấầẩẫậắằẳẵặếềểễệốồổỗộớờởỡợứừửữự]", REASONS[code].vi.lower())
    assert re.fullmatch(r"[\x20-\x7e–’“”]+", REASONS[code].en)


# Words for whoever must act; an order in the imperative speaks to the reader.
WORDS = {
    Fixer.SENDER_IT: ("IT officer|person in charge|sender", "CNTT|[Nn]gười được giao|[Nn]ơi gửi"),
    Fixer.SENDER_CLERK: ("[Ww]hoever fills|person", "[Nn]gười"),
    Fixer.SENDER_DOCTOR: ("Print|[Dd]octor", "Hãy|[Bb]ác sĩ"),
    Fixer.RECEIVER_IT: ("IT officer", "CNTT"),
    Fixer.RECEIVER_DUTY: ("duty", "trực"),
    Fixer.OPERATOR: ("operator|exchange|Whoever issues|Choose|Check|List", "hành|[Tt]rục|[Nn]gười cấp|Hãy"),
    Fixer.VENDOR: ("vendor", "[Nn]hà cung cấp"),
}


@pytest.mark.parametrize("code", [code for code in ReasonCode if REASONS[code].fixer is not Fixer.NOBODY])
def test_both_sentences_say_who_must_act(code: ReasonCode) -> None:
    english, vietnamese = WORDS[REASONS[code].fixer]
    assert re.search(english, REASONS[code].en)
    assert re.search(vietnamese, REASONS[code].vi)


def test_only_final_refusals_burn_an_id() -> None:
    final = {code for code in ReasonCode if reasons.is_final(code)}
    assert final == {code for code in ReasonCode if REASONS[code].disposition is Disposition.REJECT}
    for code in (ReasonCode.IAT_IN_FUTURE, ReasonCode.CRL_STALE, ReasonCode.OVER_QUOTA, ReasonCode.CLOCK_DISAGREEMENT):
        assert not reasons.is_final(code)  # clock, trust source and quota never do


@pytest.mark.parametrize(
    "code", [ReasonCode.DESTINATION_UNKNOWN, ReasonCode.DESTINATION_CLOSED, ReasonCode.DESTINATION_NOT_CONNECTED]
)
def test_what_the_directory_says_burns_no_id_and_tells_to_phone(code: ReasonCode) -> None:
    assert REASONS[code].disposition is Disposition.TRANSIENT
    assert "phone" in REASONS[code].en
    assert "gọi điện" in REASONS[code].vi


def test_every_disposition_is_used() -> None:
    assert {one.disposition for one in REASONS.values()} == set(Disposition)


def test_refused_carries_a_code_and_a_place() -> None:
    refused = Refused(ReasonCode.LATE, "transfer-accept")
    assert (refused.reason, refused.where) == (ReasonCode.LATE, "transfer-accept")
    assert str(refused) == "late at transfer-accept"
    assert str(Refused(ReasonCode.LATE)) == "late"
    assert reasons.reason(ReasonCode.LATE) is REASONS[ReasonCode.LATE]


def test_the_list_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        REASONS[ReasonCode.LATE] = REASONS[ReasonCode.CROSSED]  # type: ignore[index]
