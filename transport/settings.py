"""Configuration from a TOML file, with the environment above it; mistakes are named by field, never by value."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)


class SettingsError(Exception):
    """The configuration cannot be used. The text names the fields, in Vietnamese and English, and no value."""


class FileSettings(BaseSettings):
    """Settings of one program: the environment first, then the file; nothing else."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Where values come from, the strongest first."""
        return env_settings, init_settings, TomlConfigSettingsSource(settings_cls)


_FAULTS: Final = {"extra_forbidden": "không có khóa này / no such key", "missing": "còn thiếu / missing"}
_WRONG_VALUE: Final = "giá trị không hợp lệ / wrong value"

Model = TypeVar("Model", bound=BaseModel)
File = TypeVar("File", bound=FileSettings)


def of_program(prefix: str) -> SettingsConfigDict:
    """How a program's settings behave. ``prefix`` begins the names of its environment variables."""
    return SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=prefix, env_nested_delimiter="__", hide_input_in_errors=True
    )


def load_settings(model: type[File], path: Path) -> File:
    """Read a configuration file; relative paths in it start at its folder. Raises SettingsError."""
    if not path.is_file():
        raise SettingsError(f"{path}: không có tệp cấu hình. / there is no configuration file.")
    from_file: type[File] = type(model.__name__, (model,), {"model_config": SettingsConfigDict(toml_file=path)})
    try:
        return anchored(from_file(), path.resolve().parent)
    except ValidationError as error:
        faults = sorted({_fault(item) for item in error.errors(include_input=False)})
        raise SettingsError(f"{path}: cần sửa / to be corrected: {', '.join(faults)}") from None
    except ValueError as error:  # tomllib.TOMLDecodeError
        line = re.search(r"at line (\d+)", str(error))
        where = f"{path}:{line[1]}" if line else str(path)
        raise SettingsError(f"{where}: không phải TOML đọc được. / is not readable TOML.") from None


def _fault(item: Mapping[str, Any]) -> str:
    """The key and what is wrong with it; never its value, which may be a secret."""
    key = ".".join(str(part) for part in item["loc"])
    return f"{key} ({_FAULTS.get(item['type'], _WRONG_VALUE)})"


def anchored(part: Model, folder: Path) -> Model:
    """The same settings, every relative path below ``folder``."""
    changes = {name: _anchored(getattr(part, name), folder) for name in type(part).model_fields}
    return part.model_copy(update=changes)


def _anchored(value: object, folder: Path) -> object:
    if isinstance(value, Path):
        return folder / value.expanduser()
    if isinstance(value, BaseModel):
        return anchored(value, folder)
    if isinstance(value, tuple):
        return tuple(_anchored(item, folder) for item in value)
    return value
