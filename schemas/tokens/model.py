"""How a token's payload is written and read: one closed, frozen model per kind, compact JSON, absent members absent."""

import re
from dataclasses import fields
from datetime import datetime
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from schemas import strict_json
from schemas.lifecycle import TransferState
from schemas.limits import TOKEN_MAX_BYTES
from schemas.reasons import ReasonCode, Refused

FacilityId = Annotated[str, StringConstraints(pattern=re.compile(r"^[0-9A-Z]{5}\Z", re.ASCII))]
Uuid = Annotated[
    str,
    StringConstraints(pattern=re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z", re.ASCII)),
]
Sha256 = Annotated[str, StringConstraints(pattern=re.compile(r"^[0-9a-f]{64}\Z", re.ASCII))]


def _exists(text: str) -> str:
    datetime.fromisoformat(text)  # ValueError for 30 February and the like
    return text


Moment = Annotated[
    str,
    StringConstraints(pattern=re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z", re.ASCII)),
    AfterValidator(_exists),
]  # schemas.times.iso
Day = Annotated[str, StringConstraints(pattern=re.compile(r"^\d{4}-\d\d-\d\d\Z", re.ASCII)), AfterValidator(_exists)]
ExchangeUrn = Annotated[str, StringConstraints(pattern=re.compile(r"^urn:lienvien:exchange:[a-z][a-z0-9-]{0,31}\Z"))]
Sequence = Annotated[int, Field(ge=1, lt=2**53)]
Code = Annotated[str, StringConstraints(max_length=64, pattern=re.compile(r"^[a-z0-9-]+\Z", re.ASCII))]
Where = Annotated[str, StringConstraints(max_length=200)]  # a field path, never a value


def _whole(state: object) -> object:
    if isinstance(state, dict) and state.keys() != _TRACKS:
        raise ValueError("a state names each of the four tracks")
    return state


_TRACKS: Final = frozenset(field.name for field in fields(TransferState))
State = Annotated[TransferState, BeforeValidator(_whole)]

_WHERE_CHARS: Final = 100
_UNKNOWN_MEMBER: Final = frozenset({"extra_forbidden", "unexpected_keyword_argument"})


class TokenModel(BaseModel):
    """A token's payload. Unknown members are refused, nothing is coerced."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    def encode(self) -> bytes:
        """The payload as it is signed: compact JSON, members without value left out."""
        return self.model_dump_json(exclude_none=True).encode()

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """The model behind verified payload bytes. Raises Refused(TOKEN_MALFORMED); no content in the exception."""
        value: Any = strict_json.loads(payload, max_bytes=TOKEN_MAX_BYTES)
        try:
            return cls.model_validate_json(payload) if isinstance(value, dict) else _malformed()
        except ValidationError as error:
            raise Refused(ReasonCode.TOKEN_MALFORMED, _where(error)) from None


def _where(error: ValidationError) -> str:
    """The path of the first fault. A member nobody knows is content, and not repeated."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    parts = [str(part) for part in first["loc"]]
    if first["type"] in _UNKNOWN_MEMBER:
        parts[-1:] = ["(unknown member)"]
    return ".".join(parts)[:_WHERE_CHARS]


def _malformed() -> Any:
    raise Refused(ReasonCode.TOKEN_MALFORMED)
