"""Letters that mislead are told; Vietnamese, however it is written, is not."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sources.xml13.envelope import read_envelope
from connectors.sources.xml13.fields import Form
from connectors.sources.xml13.spoofing import is_suspect
from tests.connectors.sources.exports import good_files

VOWELS = "aăâeêioôơuưy"
TONES = ["", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323"]
VIETNAMESE = sorted(
    {unicodedata.normalize("NFC", vowel + tone) for vowel in VOWELS for tone in TONES} | set("bcdđghklmnpqrstvx")
)


def test_alphabet_is_the_whole_one() -> None:
    assert len([letter for letter in VIETNAMESE if not letter.isascii()]) == 67


@pytest.mark.parametrize("form", [Form.NAME, Form.TEXT])
@given(
    st.lists(st.sampled_from([*VIETNAMESE, *map(str.upper, VIETNAMESE), " "]), max_size=40).map("".join),
    st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]),
)
def test_vietnamese_in_any_composition_is_no_suspect(form: Form, text: str, normal: str) -> None:
    assert not is_suspect(unicodedata.normalize(normal, text), form)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name",
    [
        "\u0410NH",  # Cyrillic A
        "NGUY\u1ec4N V\u0391N",  # Greek Alpha
        "\u202eNA",  # right-to-left override
        "AN\u200b",  # zero width
        "AN\u2066H\u2069",
        "\ufeffAN",
        "AN\x07",
        "AN\x85",
        "AN\ue000",  # private use, as old Vietnamese fonts have it
        "A\ufffdN",
        "\u00d0INH",  # Icelandic Eth for Đ
        "\u00f0inh",
        "A" + "\u0301" * 50 + "N",
        "\uff21N",  # full width
        "AN \u0662",
        "\U000e0041N",  # a tag character
    ],
)
def test_names_that_mislead(name: str) -> None:
    assert is_suspect(name, Form.NAME)


@pytest.mark.parametrize(
    "text", ["38,5 °C, µmol/L, β-lactam, Ω, SpO₂ 97 %, ≥ 3 × 10⁹/L, → 2", "“trích”, – và …", "dòng 1\n\tdòng 2"]
)
def test_signs_of_medicine_are_fine_in_texts(text: str) -> None:
    assert not is_suspect(text, Form.TEXT)


@pytest.mark.parametrize("text", ["đau\u202e ngực", "A\ufffdN", "\u00d0au", "x" + "\u0300" * 3, "a\x00b"])
def test_texts_that_mislead(text: str) -> None:
    assert is_suspect(text, Form.TEXT)


@pytest.mark.parametrize("code", ["\uff10\uff11929", "I20\u22100", "24Z\u0410", "\u0662\u0660", "01929\u200b", "Đ1"])
def test_codes_are_ascii(code: str) -> None:
    assert is_suspect(code, Form.CODE)


@pytest.mark.parametrize("form", list(Form))
def test_nothing_and_plain_ascii_are_fine(form: Form) -> None:
    assert not is_suspect("", form)
    assert not is_suspect("24Z01/2026-0718; HT3", form)


@given(st.text(), st.sampled_from(list(Form)))
def test_any_text_has_an_answer(text: str, form: Form) -> None:
    assert is_suspect(text, form) in {True, False}


def test_nothing_in_the_samples_is_suspect() -> None:
    for path in good_files():
        slip = read_envelope(path.read_bytes()).dossiers[0].slip
        assert slip is not None
        assert not [field.tag for field in slip.fields if is_suspect(slip.text(field.tag), field.form)]
