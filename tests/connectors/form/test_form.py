"""The form: the slip's texts on paper, every Vietnamese letter, one font, the same bytes each time."""

import io
import unicodedata
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

import pytest
from pypdf import PdfReader

from connectors.form.content import RENDITION, form_content, plain_form
from connectors.form.render import Printer
from connectors.mapping.source import Source, source_of
from connectors.sources.xml13.dialects import Dialect
from tests.connectors.mapping_world import dossier_of, names

# 12 vowels with five tones each and without, đ, in both cases: the 146 letters that plain Latin does not have or does.
_VOWELS = "aăâeêioôơuưy"
_TONES = ("", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323")
LETTERS = sorted(
    {
        letter
        for vowel in _VOWELS
        for tone in _TONES
        for letter in (
            unicodedata.normalize("NFC", vowel + tone),
            unicodedata.normalize("NFC", vowel + tone).upper(),
        )
    }
    | {"đ", "Đ"}
)


@pytest.fixture(scope="module")
def printer() -> Printer:
    return Printer()


def content_of(source: Source, **changes: Any) -> dict[str, Any]:
    return form_content(
        source,
        sender_name="Bệnh viện Đa khoa Bắc Giang",
        destination_name="Bệnh viện Bạch Mai",
        doctor_name="BS. Nguyễn Văn Mẫu",
        case_code="24Z01-2211-017-R",
        **changes,
    )


def slip(**fields: str | None) -> Source:
    values = dict(source_of(dossier_of("05")).slip) | fields
    return Source(Dialect.QD3176, MappingProxyType(values), {}, (), (), ())


def text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


def words_of(pdf: bytes) -> str:
    """The text without line ends: a long word may be broken anywhere."""
    return "".join(text_of(pdf).split())


def fonts_of(pdf: bytes) -> Iterator[str]:
    for page in PdfReader(io.BytesIO(pdf)).pages:
        for font in page["/Resources"]["/Font"].values():  # type: ignore[index]
            yield str(font.get_object()["/BaseFont"])


def squeezed(text: str) -> str:
    return "".join(unicodedata.normalize("NFC", text).split())


def test_there_are_146_letters() -> None:
    assert len(LETTERS) == 146


@pytest.mark.parametrize("name", names())
def test_each_sample_prints_its_number_and_its_patient(name: str, printer: Printer) -> None:
    source = source_of(dossier_of(name))
    printed = words_of(printer.render(content_of(source)))
    for field in ("GIAY_CHUYEN_TUYEN", "HO_TEN", "CHAN_DOAN_RV", "DAU_HIEU_LS", "HUONG_DIEU_TRI", "MA_BENH_CHINH"):
        assert squeezed(source.slip[field] or "") in printed, field
    assert squeezed(RENDITION) in printed
    assert "24Z01-2211-017-R" in printed


def test_every_vietnamese_letter_is_printed(printer: Printer) -> None:
    printed = text_of(printer.render(content_of(slip(DAU_HIEU_LS=" ".join(LETTERS)))))
    assert [letter for letter in LETTERS if letter not in printed] == []


def test_decomposed_letters_are_printed_composed(printer: Printer) -> None:
    name = "NGUYỄN THỊ TƯỞNG TƯỢNG"
    printed = text_of(printer.render(content_of(slip(HO_TEN=unicodedata.normalize("NFD", name)))))
    assert name in printed
    assert unicodedata.normalize("NFD", name) not in printed


def test_only_libertinus_is_embedded(printer: Printer) -> None:
    odd = "☐ ☑ → ≥ 患者 🙂 ₫ H₂O " + " ".join(LETTERS)
    fonts = set(fonts_of(printer.render(content_of(slip(DAU_HIEU_LS=odd)))))
    assert fonts
    assert all("Libertinus" in font for font in fonts), fonts


def test_the_same_slip_is_the_same_file() -> None:
    content = content_of(slip())
    assert Printer().render(content) == Printer().render(content)


def test_texts_are_never_markup(printer: Printer) -> None:
    nasty = '#read("/etc/passwd") *đậm* $x^2$ `mã` <nhãn> @ai #panic("x") \\ [ngoặc] "nháy" //chú thích'
    printed = words_of(printer.render(content_of(slip(QT_BENHLY=nasty, HO_TEN="#sys.inputs"))))
    assert squeezed(nasty) in printed
    assert "#sys.inputs" in printed


def test_a_text_of_many_pages_is_printed_to_its_end(printer: Printer) -> None:
    pdf = printer.render(content_of(slip(QT_BENHLY="Diễn biến. " * 1400 + "HẾT PHẦN NÀY")))
    assert len(PdfReader(io.BytesIO(pdf)).pages) > 3
    assert squeezed("HẾT PHẦN NÀY") in words_of(pdf)


def test_an_empty_slip_prints(printer: Printer) -> None:
    empty = Source(Dialect.QD4750, dict.fromkeys(source_of(dossier_of("01")).slip), {}, (), (), ())
    assert squeezed("PHIẾU CHUYỂN CƠ SỞ") in words_of(printer.render(content_of(empty)))


def test_steering_characters_do_not_reach_the_paper() -> None:
    content = content_of(slip(HO_TEN="NGUYỄN\u202eVĂN\u200b A\x00"))
    assert content["name"] == "NGUYỄNVĂN A"


def test_year_only_and_times_are_written_as_people_write() -> None:
    assert content_of(slip(NGAY_SINH="196600000000"))["born"] == "1966"
    assert content_of(slip(NGAY_SINH="202610300317"))["born_at"] == "03 giờ 17 phút, ngày 30/10/2026"
    assert content_of(slip(NGAY_RA="202611192330"))["left"] == "23 giờ 30 phút, ngày 19/11/2026"
    assert content_of(slip(NGAY_RA="20261119"))["left"] == "19/11/2026"
    assert content_of(slip(NGAY_RA="hôm qua"))["left"] == "hôm qua"


def test_a_demonstration_says_so(printer: Printer) -> None:
    assert squeezed("TRÌNH DIỄN") in words_of(printer.render(content_of(slip(), demonstration=True)))
    assert squeezed("TRÌNH DIỄN") not in words_of(printer.render(content_of(slip())))


def test_the_plain_form_says_the_same_things() -> None:
    source = source_of(dossier_of("05"))
    told = plain_form(content_of(source)).decode()
    for field in ("GIAY_CHUYEN_TUYEN", "HO_TEN", "CHAN_DOAN_RV", "HUONG_DIEU_TRI", "TINH_TRANG_CT"):
        assert (source.slip[field] or "?") in told
    assert RENDITION in told
