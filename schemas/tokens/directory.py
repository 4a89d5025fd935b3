"""The directory: who exists, under which codes, with which keys and phones."""

from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from schemas.tokens.model import Day, ExchangeUrn, FacilityId, Moment, Sequence, TokenModel

Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Phone = Annotated[str, StringConstraints(max_length=40)]
Der = Annotated[str, StringConstraints(max_length=8_192, pattern=r"^[A-Za-z0-9+/=]+$")]  # base64 of DER


class FacilityCode(TokenModel):
    """A code of the facility (MA_CSKCB) and the days it is valid; codes are dated aliases of the facility id."""

    code: FacilityId
    valid_from: Day
    valid_to: Day | None = None


class DutyPhone(TokenModel):
    """A phone that reaches a person: duty desk or a department."""

    label: Name
    phone: Phone
    checked_on: Day | None = None


class DirectoryEntry(TokenModel):
    """One facility about itself: signed by its own signing key, numbered and dated."""

    TYP: ClassVar[str] = "lienvien-directory+jws"

    facility: FacilityId
    version: Sequence
    at: Moment
    name: Name
    codes: Annotated[tuple[FacilityCode, ...], Field(min_length=1, max_length=20)]
    phones: Annotated[tuple[DutyPhone, ...], Field(max_length=30)] = ()
    signing_certificates: Annotated[tuple[Der, ...], Field(min_length=1, max_length=4)]
    encryption_certificates: Annotated[tuple[Der, ...], Field(min_length=1, max_length=4)]  # the first is used to seal


class CountersignedEntry(TokenModel):
    """An entry as the exchange passes it on: the facility's compact JWS, unopened, and the exchange's date."""

    TYP: ClassVar[str] = "lienvien-directory-countersigned+jws"

    exchange: ExchangeUrn
    recipient: FacilityId | None = None
    entry: Annotated[str, StringConstraints(max_length=65_536)]
    at: Moment


class KnownFacility(TokenModel):
    """A row of the register: a facility that exists, connected or not."""

    code: FacilityId
    name: Name
    valid_from: Day
    valid_to: Day | None = None
    phone: Phone | None = None
    connected: bool
    province: Name | None = None
    role: Name | None = None


class Register(TokenModel):
    """A page of the register of facilities that the exchange keeps, with phones."""

    TYP: ClassVar[str] = "lienvien-register+jws"

    exchange: ExchangeUrn
    version: Sequence
    page: Sequence
    pages: Sequence
    at: Moment
    facilities: Annotated[tuple[KnownFacility, ...], Field(max_length=200)]
