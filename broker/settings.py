"""Everything an exchange can be told, in one frozen model from one TOML file, read once.

Paths are relative to the file's own folder. An environment variable wins over the file
(``LIENVIEN_EXCHANGE__WEB__PORT=8443``). Secrets are never values here, only paths of files.
"""

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from schemas.ids import is_exchange_name
from transport.settings import FileSettings, load_settings, of_program

FILE_NAME: Final = "exchange.toml"
DATABASE_NAME: Final = "exchange.sqlite"


def _exchange(name: str) -> str:
    if not is_exchange_name(name):
        raise ValueError("a short lower-case word")
    return name


ExchangeName = Annotated[str, AfterValidator(_exchange)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ExchangeSection(_Part):
    """Who we are."""

    name: ExchangeName = Field(description="tên trục, có trong mọi mã ký / the exchange's name, part of every token")
    worker_id: ExchangeName = Field("worker-1", description="tên tiến trình này / the name of this process")


class FoldersSection(_Part):
    """Where files lie."""

    data: Path = Field(Path("data"), description="khóa chạy, cơ sở dữ liệu nhúng / run lock, embedded database")


class DatabaseSection(_Part):
    """Where decisions are kept; never any content of a message."""

    url: str = Field(
        "",
        pattern="^$|^postgresql://|^sqlite:///",
        description="để trống: SQLite trong thư mục data, một tiến trình; hoặc postgresql://…"
        " / empty: SQLite in the data folder, one process; or postgresql://…",
    )


class KafkaSection(_Part):
    """The log that carries everything."""

    bootstrap: Text = Field(description="địa chỉ Kafka, host:port / Kafka address, host:port")
    replicas: int = Field(1, ge=1, le=9, description="số bản của mỗi chủ đề / copies of each topic")


class KeysSection(_Part):
    """Our keys, and whom we trust."""

    folder: Path = Field(
        Path("keys"),
        description="tls.pem, admin.pem, signing.key/.crt, encryption*.key/.crt, audit.key, duplicate.secret;"
        " quyền 0600 / mode 0600",
    )
    ca: Path = Field(Path("ca.pem"), description="chứng thư nơi cấp / the authority's certificate, PEM")
    crl: Path = Field(
        Path("crl.pem"),
        description="danh sách thu hồi, được đọc lại khi thay đổi / revocation list, read again when it changes",
    )


class QuotaSection(_Part):
    """How much one facility may send before its routine messages wait."""

    records_per_minute: int = Field(
        600, ge=1, le=1_000_000, description="bản ghi mỗi phút, kể cả lượt gửi lại / records a minute, repeats included"
    )
    burst: int = Field(3_000, ge=1, le=1_000_000, description="sau khi mất mạng, được dồn / after an outage, at once")


class ClocksSection(_Part):
    """How often things happen, in seconds."""

    head_s: float = Field(
        300.0, gt=0, le=3600, description="báo số cuối vào mỗi hộp nhận / sign of life into each inbox"
    )
    head_watched_s: float = Field(
        30.0, gt=0, le=300, description="và khi nơi nhận đang mở bảng / and where a board is watched"
    )
    held_s: float = Field(30.0, gt=0, le=3600, description="xét lại bản tin đang giữ / look again at held messages")


class WebSection(_Part):
    """Pages and interface for facilities, by client certificate; the operator's pages are on the control door."""

    host: str = Field("127.0.0.1", min_length=1, max_length=100, description="địa chỉ nghe / address to listen on")
    port: int = Field(0, ge=0, le=65535, description="0: cổng trống bất kỳ / any free one")


class ControlSection(_Part):
    """The local door for the command line and the operator's pages; loopback only."""

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


class ExchangeSettings(FileSettings):
    """One process of an exchange."""

    model_config = of_program("LIENVIEN_EXCHANGE__")

    config: Path = Field(Path(FILE_NAME), exclude=True)  # where this was read from; set by ``load``
    exchange: ExchangeSection
    kafka: KafkaSection
    folders: FoldersSection = FoldersSection()
    database: DatabaseSection = DatabaseSection()
    keys: KeysSection = KeysSection()
    quota: QuotaSection = QuotaSection()
    clocks: ClocksSection = ClocksSection()
    web: WebSection = WebSection()
    control: ControlSection = ControlSection()
    process: ProcessSection = ProcessSection()

    @property
    def database_url(self) -> str:
        """The database's address for SQLAlchemy."""
        return self.database.url or f"sqlite:///{self.folders.data / DATABASE_NAME}"

    def key(self, purpose: str) -> Path:
        """The file of a private key."""
        return self.keys.folder / f"{purpose}.key"

    def certificate(self, purpose: str) -> Path:
        """The file of its certificate."""
        return self.keys.folder / f"{purpose}.crt"

    def identity(self, purpose: str) -> Path:
        """Key and certificate in one file, for TLS: ``tls``, ``admin``."""
        return self.keys.folder / f"{purpose}.pem"

    @property
    def duplicate_secret_file(self) -> Path:
        """32 random bytes: the key of the digests by which known content is recognised."""
        return self.keys.folder / "duplicate.secret"


def load(path: Path) -> ExchangeSettings:
    """Read a configuration file. Raises SettingsError."""
    return load_settings(ExchangeSettings, path).model_copy(update={"config": path.resolve()})
