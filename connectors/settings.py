"""Everything a connector can be told, in one frozen model from one TOML file, read once.

Paths are relative to the file's own folder. An environment variable wins over the file
(``LIENVIEN_CONNECTOR__CONTROL__PORT=8090``). Secrets are never values here, only paths of files.
"""

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from schemas.codes.lists import LegalBasis
from schemas.ids import is_exchange_name, is_facility_id
from schemas.limits import HALF_WRITTEN_WAIT, SLIP_NEEDS_YES_AFTER
from schemas.urgency import Priority
from transport.settings import FileSettings, load_settings, of_program

FILE_NAME: Final = "connector.toml"
DATABASE_NAME: Final = "connector.sqlite"


def _facility(code: str) -> str:
    if not is_facility_id(code):
        raise ValueError("five characters of 0-9 A-Z")
    return code


def _exchange(name: str) -> str:
    if not is_exchange_name(name):
        raise ValueError("a short lower-case word")
    return name


FacilityCode = Annotated[str, AfterValidator(_facility)]
ExchangeName = Annotated[str, AfterValidator(_exchange)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
PhoneText = Annotated[str, StringConstraints(min_length=3, max_length=40, strip_whitespace=True)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class DutyPhone(_Part):
    """A phone that reaches a person."""

    label: Text = Field(description="nơi nghe máy / who answers it")
    phone: PhoneText = Field(description="số điện thoại / the number")


class FacilitySection(_Part):
    """Who we are."""

    code: FacilityCode = Field(description="mã cơ sở (MA_CSKCB) / facility code")
    name: Text = Field(description="tên cơ sở / name of the hospital")
    phone: PhoneText = Field(description="điện thoại trực, bắt buộc / duty phone, mandatory")
    phones: tuple[DutyPhone, ...] = Field((), description="các số khác / further phones of departments")
    role: str = Field("", description="central, provincial hoặc regional / level of care, for the form")
    province: str = Field("", description="tỉnh, thành phố / province, for the form")


class ExportFolder(_Part):
    """A folder into which the HIS exports."""

    path: Path = Field(description="thư mục xuất XML của HIS / the folder that the HIS exports to")
    take: str = Field(
        "copy",
        pattern="^(copy|move)$",
        description="copy: không bao giờ đụng vào tệp gốc; move: chỉ cho thư mục do phần mềm này tạo"
        " / copy never touches the source; move only for a folder that this program made",
    )
    priority: Priority | None = Field(
        None,
        description="mọi phiếu ở thư mục này ít nhất khẩn mức này / at least this urgent, if the site uses folders",
    )


class FoldersSection(_Part):
    """Where files lie."""

    data: Path = Field(
        Path("data"), description="cơ sở dữ liệu và tệp của phần mềm / database and files of the program"
    )
    exports: tuple[ExportFolder, ...] = Field((), description="thư mục xuất của HIS / export folders of the HIS")
    bundles: tuple[Path, ...] = Field((), description="thư mục gói FHIR làm sẵn / folders of ready FHIR bundles")
    first_start_days: float = Field(
        1.0,
        ge=0,
        le=3650,
        description="lần chạy đầu bỏ qua tệp cũ hơn, ngày / at first start leave older files out, days",
    )


class ExchangeSection(_Part):
    """The exchange we are connected to."""

    name: ExchangeName = Field(description="tên trục / the exchange's name")
    bootstrap: Text = Field(description="địa chỉ Kafka, host:port / Kafka address, host:port")
    signing_certificate: Path = Field(
        Path("exchange/signing.crt"), description="chứng thư ký của trục / the exchange's signing certificate(s), PEM"
    )
    encryption_certificate: Path = Field(
        Path("exchange/encryption.crt"), description="chứng thư mã hóa của trục / its encryption certificate, PEM"
    )


class KeysSection(_Part):
    """Our keys, and whom we trust."""

    folder: Path = Field(
        Path("keys"), description="tls.pem, signing.key/.crt, encryption*.key/.crt; quyền 0600 / mode 0600"
    )
    ca: Path = Field(Path("ca.pem"), description="chứng thư nơi cấp / the authority's certificate, PEM")
    crl: Path = Field(
        Path("crl.pem"),
        description="danh sách thu hồi, được đọc lại khi thay đổi / revocation list, read again when it changes",
    )


class LegalGroundEntry(_Part):
    """Why patients' data may be shared, set by a named person."""

    basis: LegalBasis = Field(description="written-request | emergency | law | contract")
    document: str = Field("", max_length=200, description="văn bản / the paper behind it")
    set_by: Text = Field(description="người quyết định / who set it")


class SendingSection(_Part):
    """How slips leave."""

    legal: tuple[LegalGroundEntry, ...] = Field(
        (), description="cơ sở pháp lý; emergency chỉ cho cấp cứu / legal grounds; emergency holds for emergencies only"
    )
    staff: Path | None = Field(None, description="danh sách nhân viên CSV: licence,name,phone / staff list, optional")
    facilities: Path | None = Field(
        None,
        description="danh mục cơ sở CSV dùng khi chưa nhận được từ trục / facilities until the exchange sends its own",
    )
    ask_after_hours: float = Field(
        SLIP_NEEDS_YES_AFTER.total_seconds() / 3600,
        gt=0,
        le=24 * 30,
        description="phiếu cũ hơn phải có người đồng ý, giờ / an older slip waits for a person's yes, hours",
    )
    demonstration: bool = Field(False, description="dữ liệu trình diễn / marks every message as a demonstration")


class ReceivingSection(_Part):
    """How messages reach the hospital's own software."""

    folder: Path = Field(Path("incoming"), description="thư mục bàn giao cho HIS / hand-over folder for the HIS")
    url: str | None = Field(
        None,
        pattern="^https?://",
        description="hoặc địa chỉ HTTP của HIS, khi đó không dùng thư mục"
        " / or the HIS's HTTP address, used instead of the folder",
    )
    url_ca: Path | None = Field(None, description="chứng thư nơi cấp của địa chỉ đó / authority of that address, PEM")
    timeout_s: float = Field(30.0, gt=0, le=600, description="chờ HIS trả lời, giây / wait for the HIS, seconds")


class ClocksSection(_Part):
    """How often things happen, in seconds."""

    scan_s: float = Field(2.0, gt=0, le=3600, description="quét thư mục / look into the folders")
    half_written_s: float = Field(
        HALF_WRITTEN_WAIT.total_seconds(), gt=0, le=3600, description="chờ tệp ghi dở / wait for a half-written file"
    )
    status_s: float = Field(
        10.0, gt=0, le=60, description="báo trạng thái hộp nhận sau thay đổi / inbox-status after a change"
    )
    status_at_least_hours: float = Field(24.0, gt=0, le=24, description="và ít nhất mỗi / and at least every, hours")
    ack_s: float = Field(1.0, ge=0, le=2, description="gom xác nhận / acks wait this long for company; stat never")


class ControlSection(_Part):
    """The local door for the command line and the pages; loopback only."""

    host: str = Field(
        "127.0.0.1", pattern="^(127\\.0\\.0\\.1|localhost|::1)$", description="chỉ máy này / this machine"
    )
    port: int = Field(0, ge=0, le=65535, description="0: cổng trống bất kỳ / any free one")


class ProcessSection(_Part):
    """How this process runs."""

    mode: Literal["production", "test"] = Field(
        "production",
        description="production hoặc test; chỉ test cho phép gây lỗi có chủ ý"
        " / only test lets failures be caused on purpose",
    )


class Settings(FileSettings):
    """One connector."""

    model_config = of_program("LIENVIEN_CONNECTOR__")

    facility: FacilitySection
    exchange: ExchangeSection
    folders: FoldersSection = FoldersSection()
    keys: KeysSection = KeysSection()
    sending: SendingSection = SendingSection()
    receiving: ReceivingSection = ReceivingSection()
    clocks: ClocksSection = ClocksSection()
    control: ControlSection = ControlSection()
    process: ProcessSection = ProcessSection()

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.folders.data / DATABASE_NAME


def load(path: Path) -> Settings:
    """Read a configuration file. Raises SettingsError."""
    return load_settings(Settings, path)
