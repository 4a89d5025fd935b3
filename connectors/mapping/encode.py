"""A Bundle as the bytes that are signed: once, compact, numbers as they were written."""

from decimal import Decimal
from typing import Any

import orjson


def encode_bundle(bundle: dict[str, Any]) -> bytes:
    """Compact UTF-8 JSON in member order; a ``Decimal`` keeps its digits (``1.10`` stays ``1.10``)."""
    return orjson.dumps(bundle, default=_number)


def _number(value: Any) -> Any:
    if isinstance(value, Decimal) and value.is_finite():
        return orjson.Fragment(f"{value:f}")
    raise TypeError("not a JSON value")
