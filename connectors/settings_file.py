"""The configuration file as ``connector init`` writes it: every key with its default, explained in two languages."""

import json
import os
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from connectors.settings import Settings

_HEAD: Final = """\
# Cấu hình phần mềm kết nối Liên Viện. / Configuration of the Liên Viện connector.
# Đường dẫn tính từ thư mục của tệp này. / Paths are relative to the folder of this file.
# Dòng có dấu # ở đầu là giá trị mặc định. / A line that begins with # shows a default.
"""


def write_commented(path: Path, values: Mapping[str, Mapping[str, Any]]) -> None:
    """Write a new configuration file, mode 0600. ``values``: section → key → value, for the keys that are not default.

    Raises:
        FileExistsError: a configuration is never overwritten.
        KeyError: a section or key that does not exist.
    """
    text = commented(values)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def commented(values: Mapping[str, Mapping[str, Any]]) -> str:
    """The file's text."""
    unknown = set(values) - set(Settings.model_fields)
    if unknown:
        raise KeyError(sorted(unknown)[0])
    parts = [_HEAD]
    for name, info in Settings.model_fields.items():
        section = info.annotation
        assert isinstance(section, type)
        assert issubclass(section, BaseModel)
        parts.append(_section(name, section, values.get(name, {})))
    return "\n".join(parts)


def _section(name: str, section: type[BaseModel], values: Mapping[str, Any]) -> str:
    unknown = set(values) - set(section.model_fields)
    if unknown:
        raise KeyError(f"{name}.{sorted(unknown)[0]}")
    lines = [f"[{name}]  # {(section.__doc__ or '').splitlines()[0]}"]
    tables: list[str] = []
    for key, info in section.model_fields.items():
        entry = _entry_model(info)
        if entry is not None:
            tables.extend(_tables(name, key, entry, info, values.get(key, ())))
        else:
            lines.extend(_line(key, info, values))
    return "\n".join([*lines, *tables, ""])


def _line(key: str, info: FieldInfo, values: Mapping[str, Any]) -> Iterator[str]:
    yield f"# {info.description}"
    value = values.get(key, PydanticUndefined)
    if value is not PydanticUndefined and value is not None:
        yield f"{key} = {_toml(value)}"
    elif value is None or info.is_required() or info.default is None:
        yield f"# {key} ="
    else:
        yield f"# {key} = {_toml(info.default)}"


def _tables(name: str, key: str, entry: type[BaseModel], info: FieldInfo, items: object) -> Iterator[str]:
    yield ""
    yield f"# {info.description}"
    given = list(items) if isinstance(items, list | tuple) else []
    for item in given:
        yield f"[[{name}.{key}]]"
        for member, about in entry.model_fields.items():
            yield from _line(member, about, item)
    if not given:
        yield f"# [[{name}.{key}]]"
        for member, about in entry.model_fields.items():
            yield f"# {member} =  # {about.description}"


def _entry_model(info: FieldInfo) -> type[BaseModel] | None:
    """The model of a list of tables, or None for a plain key."""
    for argument in get_args(info.annotation):
        if isinstance(argument, type) and issubclass(argument, BaseModel):
            return argument
    return None


def _toml(value: object) -> str:
    if isinstance(value, Enum):
        return json.dumps(value.value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(str(value), ensure_ascii=False)  # a TOML basic string has JSON's escapes
