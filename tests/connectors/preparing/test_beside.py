"""The signed form beside an export: found by its stem, only read, never in the way."""

import os
from pathlib import Path

import pytest

from connectors.beside import SignedForm, signed_form_beside
from connectors.preparing import plain_rendition, rendition, signed_form
from connectors.version import SOFTWARE_VERSION
from schemas.limits import BUNDLE_MAX_BYTES


def test_nothing_beside(tmp_path: Path) -> None:
    assert signed_form_beside(tmp_path / "a.xml") == SignedForm()


def test_a_pdf_of_the_same_stem_byte_for_byte(tmp_path: Path) -> None:
    data = b"%PDF-1.4\r\n" + bytes(range(256))
    (tmp_path / "phiếu 1.pdf").write_bytes(data)
    (tmp_path / "other.pdf").write_bytes(b"%PDF-other")
    assert signed_form_beside(tmp_path / "phiếu 1.xml") == SignedForm(data)


@pytest.mark.parametrize("data", [b"", b"<xml/>", b" %PDF-1.4"])
def test_what_is_no_pdf_is_left_out_and_said(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.pdf").write_bytes(data)
    assert signed_form_beside(tmp_path / "a.xml") == SignedForm(left_out=True)


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.pdf").open("wb") as file:
        file.truncate(BUNDLE_MAX_BYTES + 1)
    assert signed_form_beside(tmp_path / "a.xml") == SignedForm(left_out=True)


def test_a_folder_of_that_name_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").mkdir()
    assert signed_form_beside(tmp_path / "a.xml") == SignedForm()


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser reads everything")
def test_a_file_that_may_not_be_read_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(b"%PDF-1.4")
    path.chmod(0)
    assert signed_form_beside(tmp_path / "a.xml") == SignedForm(left_out=True)


def test_three_forms_are_told_apart() -> None:
    kinds = [(one.purpose, one.content_type) for one in (rendition(b"a"), plain_rendition(b"b"), signed_form(b"c"))]
    assert kinds == [
        ("rendition", "application/pdf"),
        ("rendition", "text/plain; charset=utf-8"),
        ("signed-form", "application/pdf"),
    ]
    assert signed_form(b"c").verification
    assert rendition(b"a").verification is None


def test_the_software_has_a_version() -> None:
    assert SOFTWARE_VERSION[0].isdigit()
