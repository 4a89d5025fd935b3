"""The configuration file as it is written for a new exchange: every key with its default and a comment."""

from typing import Any, Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from broker.settings import ExchangeSettings

_HEADER: Final = (
    "# Cấu hình của một tiến trình trục. Dòng bắt đầu bằng # là giá trị mặc định.\n"
    "# Configuration of one process of an exchange. A line that begins with # shows a default.\n"
)


def settings_text(**given: dict[str, Any]) -> str:
    """The file's text: the given values by section set, everything else as a commented default.

    ``settings_text(exchange={"name": "bo-y-te"}, kafka={"bootstrap": "localhost:9093"})``. Raises ValueError for a key
    that does not exist, and for a mandatory one that is not given.
    """
    parts = [_HEADER]
    for name, section in ExchangeSettings.model_fields.items():
        model = section.annotation
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            continue
        parts.append(_section(name, model, given.pop(name, {})))
    if given:
        raise ValueError(f"no such section: {', '.join(sorted(given))}")
    return "\n".join(parts)


def _section(name: str, model: type[BaseModel], given: dict[str, Any]) -> str:
    lines = [f"# {model.__doc__}", f"[{name}]"]
    for key, field in model.model_fields.items():
        lines.append(f"# {field.description}")
        lines.append(_line(name, key, field, given))
    if given.keys() - model.model_fields.keys():
        raise ValueError(f"no such key in {name}: {', '.join(sorted(given.keys() - model.model_fields.keys()))}")
    return "\n".join(lines) + "\n"


def _line(section: str, key: str, field: FieldInfo, given: dict[str, Any]) -> str:
    if key in given:
        return f"{key} = {_toml(given[key])}"
    if field.default is PydanticUndefined:
        raise ValueError(f"{section}.{key} is needed")
    return f"# {key} = {_toml(field.default)}"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
