"""The configuration: one file, every key explained, wrong ones named, no value shown."""

import stat
from pathlib import Path
from typing import Any

import pytest

from connectors.settings import FILE_NAME, Settings, load
from connectors.settings_file import commented, write_commented
from schemas.urgency import Priority
from transport.settings import SettingsError

VALUES: dict[str, dict[str, Any]] = {
    "facility": {"code": "24Z01", "name": "Bệnh viện Đa khoa Bắc Giang", "phone": "0204 385 4500"},
    "exchange": {"name": "demo", "bootstrap": "localhost:9092"},
    "folders": {"exports": [{"path": "xuat", "priority": "stat"}, {"path": "/srv/his/out"}]},
    "sending": {"legal": [{"basis": "law", "document": "Luật 91/2025", "set_by": "Trần B"}]},
}


def written(tmp_path: Path, **changes: dict[str, Any]) -> Path:
    path = tmp_path / FILE_NAME
    write_commented(path, {**VALUES, **changes})
    return path


def test_what_was_written_is_what_is_read(tmp_path: Path) -> None:
    settings = load(written(tmp_path))
    assert settings.facility.code == "24Z01"
    assert settings.facility.name == "Bệnh viện Đa khoa Bắc Giang"
    assert [folder.path for folder in settings.folders.exports] == [tmp_path / "xuat", Path("/srv/his/out")]
    assert settings.folders.exports[0].priority is Priority.STAT
    assert settings.folders.exports[1].take == "copy"
    assert settings.sending.legal[0].set_by == "Trần B"
    assert settings.database == tmp_path / "data" / "connector.sqlite"


def test_the_file_is_for_its_owner_and_never_overwritten(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        write_commented(path, VALUES)


def test_every_key_stands_in_the_file_with_a_comment() -> None:
    text = commented(VALUES)
    for name, section in Settings.model_fields.items():
        assert f"\n[{name}]" in text
        for key, info in section.annotation.model_fields.items():  # type: ignore[union-attr]
            assert info.description, key
            assert info.description in text
            assert f"{key} =" in text or f"[[{name}.{key}]]" in text


def test_a_default_written_out_means_the_same(tmp_path: Path) -> None:
    path = written(tmp_path)
    bare = tmp_path / "other" / FILE_NAME
    bare.parent.mkdir()
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    bare.write_text("\n".join(lines), encoding="utf-8")
    assert load(bare).clocks == load(path).clocks


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"facility": {**VALUES["facility"], "code": "24z01"}}, "facility.code"),
        ({"facility": {"code": "24Z01", "name": "x"}}, "facility.phone"),
        ({"control": {"host": "0.0.0.0"}}, "control.host"),
        ({"clocks": {"ack_s": 60}}, "clocks.ack_s"),
        ({"folders": {"exports": [{"path": "x", "take": "steal"}]}}, "folders.exports.0.take"),
        ({"receiving": {"url": "ftp://127.0.0.1/x"}}, "receiving.url"),
        ({"exchange": {"name": "Demo X", "bootstrap": "b"}}, "exchange.name"),
    ],
)
def test_a_wrong_key_is_named_without_its_value(tmp_path: Path, changes: dict[str, Any], field: str) -> None:
    path = written(tmp_path, **changes)
    with pytest.raises(SettingsError) as refused:
        load(path)
    assert field in str(refused.value)
    for value in ("24z01", "0.0.0.0", "steal", "Demo X"):
        assert value not in str(refused.value)


def test_an_unknown_key_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_text(path.read_text(encoding="utf-8") + "\n[contrl]\nport = 1\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="contrl"):
        load(path)


@pytest.mark.parametrize("text", ["[facility", "\x00", "a = "])
def test_a_file_that_is_no_toml_is_said_so(tmp_path: Path, text: str) -> None:
    path = tmp_path / FILE_NAME
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match="TOML"):
        load(path)


def test_a_missing_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="không có"):
        load(tmp_path / "none.toml")


def test_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIENVIEN_CONNECTOR__CONTROL__PORT", "8090")
    assert load(written(tmp_path)).control.port == 8090


def test_unknown_values_are_refused_before_anything_is_written() -> None:
    with pytest.raises(KeyError):
        commented({"nowhere": {}})
    with pytest.raises(KeyError):
        commented({"facility": {"colour": "blue"}})


def test_a_key_that_does_not_exist_one_that_is_missing_and_a_wrong_value_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_text(
        '[facility]\ncode = "24Z01"\nname = "A"\nphone = "1"\n[clocks]\nscann_s = 1\nscan_s = "x"\n', "utf-8"
    )
    with pytest.raises(SettingsError) as said:
        load(path)
    assert "clocks.scann_s (không có khóa này / no such key)" in str(said.value)
    assert "exchange (còn thiếu / missing)" in str(said.value)
    assert "clocks.scan_s (giá trị không hợp lệ / wrong value)" in str(said.value)


def test_what_is_no_toml_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_text('[facility]\ncode = "24Z01\n', "utf-8")
    with pytest.raises(SettingsError, match=f"{FILE_NAME}:2: "):
        load(path)
