"""Small code lists of our own, each with a Vietnamese and an English name."""

from enum import StrEnum
from typing import Final


class LegalBasis(StrEnum):
    """Why the patient's data may be shared (Law 91/2025/QH15 articles 19 and 26)."""

    WRITTEN_REQUEST = "written-request"
    EMERGENCY = "emergency"  # only for kind emergency
    LAW = "law"
    CONTRACT = "contract"


class DeclineReason(StrEnum):
    """Why the destination says no. ``Task.statusReason`` of a transfer-decline."""

    NO_BED = "no-bed"
    NO_SPECIALIST = "no-specialist"
    NO_EQUIPMENT = "no-equipment"
    TREAT_LOCALLY = "treat-locally"
    OTHER_FACILITY = "other-facility"
    OTHER = "other"


class CancelReason(StrEnum):
    """Why the sender takes the request back. ``Task.statusReason`` of a transfer-cancel."""

    CONDITION_CHANGED = "condition-changed"
    PATIENT_REFUSED = "patient-refused"
    OTHER_DESTINATION = "other-destination"
    ENTERED_IN_ERROR = "entered-in-error"
    OTHER = "other"


class Tag(StrEnum):
    """``Bundle.meta.tag``: what a reader must see at once."""

    UNCLASSIFIED = "unclassified"  # no evidence of urgency was found
    INCOMPLETE = "incomplete"  # "gửi thiếu": something is missing and named
    HELD_BACK = "held-back"  # something sensitive was not sent
    DEMONSTRATION = "demonstration"


NAMES: Final[dict[str, tuple[str, str]]] = {
    LegalBasis.WRITTEN_REQUEST: ("Người bệnh yêu cầu bằng văn bản", "Written request of the patient"),
    LegalBasis.EMERGENCY: ("Cấp cứu", "Emergency"),
    LegalBasis.LAW: ("Theo quy định của luật", "Required by law"),
    LegalBasis.CONTRACT: ("Theo hợp đồng", "Contract"),
    DeclineReason.NO_BED: ("Hết giường", "No bed"),
    DeclineReason.NO_SPECIALIST: ("Không có bác sĩ chuyên khoa", "No specialist"),
    DeclineReason.NO_EQUIPMENT: ("Thiếu trang thiết bị", "No equipment"),
    DeclineReason.TREAT_LOCALLY: ("Có thể điều trị tại nơi gửi", "Can be treated at the sender"),
    DeclineReason.OTHER_FACILITY: ("Nên chuyển cơ sở khác", "Another hospital fits better"),
    DeclineReason.OTHER: ("Lý do khác", "Other reason"),
    CancelReason.CONDITION_CHANGED: ("Tình trạng thay đổi", "Condition changed"),
    CancelReason.PATIENT_REFUSED: ("Người bệnh không đồng ý", "Patient refused"),
    CancelReason.OTHER_DESTINATION: ("Đã chọn nơi khác", "Another destination was chosen"),
    CancelReason.ENTERED_IN_ERROR: ("Nhập nhầm", "Entered in error"),
}
