"""What the person who looks after the connector is told, in words. A reason code raises its own sentence."""

from enum import StrEnum
from typing import Final

from schemas.reasons import REASONS


class AlarmCode(StrEnum):
    """Alarms that are no refusal of anything."""

    GAP = "inbox-gap"
    LOG_SHORTER = "inbox-log-shorter"
    LOG_CHANGED = "inbox-log-changed"
    LOG_EXPIRED = "inbox-log-expired"
    BATCH_UNEXPANDABLE = "inbox-batch-unexpandable"
    GENERATION_LOWER = "generation-lower"
    GENERATION_UNANNOUNCED = "generation-unannounced"
    RECEIPT_UNKNOWN = "receipt-unknown"
    RECEIPT_DIFFERS = "receipt-differs"
    RECEIPT_CONTRADICTS = "receipt-contradicts"
    ACK_UNKNOWN = "ack-unknown"
    HANDOVER_FAILING = "handover-failing"
    FOLDER_MISSING = "folder-missing"
    DISK_FULL = "disk-full"
    DATABASE_BUSY = "database-busy"
    LINK_DOWN = "link-down"
    CERTIFICATE_ENDING = "certificate-ending"
    CERTIFICATE_ENDED = "certificate-ended"
    CLOCK_DRIFT = "clock-drift"
    CRL_OLD = "crl-old"
    UNDELIVERABLE = "undeliverable"
    DEADLINE = "deadline-missed"
    DESTINATION_CANNOT_READ = "destination-cannot-read"


_WORDS: Final = {
    AlarmCode.GAP: (
        "Thiếu bản ghi trong hộp nhận; trục đã được yêu cầu gửi lại.",
        "Records of the inbox are missing; the exchange has been asked to send them again.",
    ),
    AlarmCode.LOG_SHORTER: (
        "Hộp nhận trên Kafka ngắn hơn trước; đang đọc lại từ đầu. Điều hành trục cần kiểm tra.",
        "The inbox on Kafka is shorter than before and is read again from its start. The operator must check.",
    ),
    AlarmCode.LOG_CHANGED: (
        "Nội dung hộp nhận trên Kafka đã khác trước; đang đọc lại từ đầu. Điều hành trục cần kiểm tra.",
        "The inbox on Kafka is not the one read before and is read again from its start. The operator must check.",
    ),
    AlarmCode.LOG_EXPIRED: (
        "Có bản ghi đã hết hạn lưu trước khi được đọc; trục sẽ báo nơi gửi.",
        "Records expired before they were read; the exchange tells their senders.",
    ),
    AlarmCode.BATCH_UNEXPANDABLE: (
        "Một bản ghi nén sai hoặc hư hỏng trong hộp nhận đã được bỏ qua. Điều hành trục cần kiểm tra.",
        "A wrongly compressed or damaged record of the inbox was stepped over. The operator must check.",
    ),
    AlarmCode.GENERATION_LOWER: (
        "Trục gửi bằng trạng thái cũ hơn. Điều hành trục cần kiểm tra việc khôi phục.",
        "The exchange speaks with an older state. The operator must check the restore.",
    ),
    AlarmCode.GENERATION_UNANNOUNCED: (
        "Trục đã được khôi phục mà chưa báo. Điều hành trục cần kiểm tra.",
        "The exchange was restored without saying so. The operator must check.",
    ),
    AlarmCode.RECEIPT_UNKNOWN: (
        "Có biên nhận cho bản tin mà phần mềm này không biết. Cán bộ CNTT: cơ sở dữ liệu có bị khôi phục không?",
        "A receipt for a message unknown here. IT officer: was the database restored?",
    ),
    AlarmCode.RECEIPT_DIFFERS: (
        "Biên nhận ghi nội dung khác với bản đã gửi. Điều hành trục cần kiểm tra.",
        "A receipt names other content than was sent. The operator must check.",
    ),
    AlarmCode.RECEIPT_CONTRADICTS: (
        "Trục trả lời khác với lần trước cho cùng một bản tin; câu trả lời đầu được giữ.",
        "The exchange contradicts its earlier answer to one message; the first answer stands.",
    ),
    AlarmCode.ACK_UNKNOWN: (
        "Có xác nhận cho bản tin mà phần mềm này không gửi.",
        "An acknowledgement for a message that was not sent from here.",
    ),
    AlarmCode.HANDOVER_FAILING: (
        "Chưa bàn giao được cho HIS; phần mềm vẫn thử lại. Cán bộ CNTT cần kiểm tra HIS.",
        "The HIS does not take messages yet; it is tried again. The IT officer must check the HIS.",
    ),
    AlarmCode.FOLDER_MISSING: (
        "Không đọc được thư mục xuất của HIS. Cán bộ CNTT cần kiểm tra thư mục và quyền.",
        "The HIS's export folder cannot be read. The IT officer must check the folder and its rights.",
    ),
    AlarmCode.DISK_FULL: (
        "Ổ đĩa sắp đầy nên không nhận tệp mới. Cán bộ CNTT cần giải phóng chỗ.",
        "The disk is nearly full and no new files are taken. The IT officer must free space.",
    ),
    AlarmCode.DATABASE_BUSY: (
        "Cơ sở dữ liệu đang bị chương trình khác giữ. Cán bộ CNTT cần dừng chương trình đó.",
        "Another program holds the database. The IT officer must stop it.",
    ),
    AlarmCode.LINK_DOWN: (
        "Mất kết nối với trục; phần mềm tự nối lại. Nếu kéo dài, cán bộ CNTT kiểm tra mạng và chứng thư.",
        "No connection to the exchange; it reconnects by itself. If it lasts, check network and certificate.",
    ),
    AlarmCode.CERTIFICATE_ENDING: (
        "Chứng thư sắp hết hạn. Cán bộ CNTT cần xin chứng thư mới.",
        "A certificate ends soon. The IT officer must request a new one.",
    ),
    AlarmCode.CERTIFICATE_ENDED: (
        "Chứng thư đã hết hạn, không gửi được nữa. Cán bộ CNTT cần xin chứng thư mới ngay; ca khẩn hãy gọi điện.",
        "A certificate has ended, nothing can be sent. The IT officer must request a new one now; phone urgent cases.",
    ),
    AlarmCode.CLOCK_DRIFT: (
        "Đồng hồ máy này lệch so với trục. Cán bộ CNTT cần chỉnh đồng hồ.",
        "This machine's clock differs from the exchange's. The IT officer must set it.",
    ),
    AlarmCode.CRL_OLD: (
        "Danh sách thu hồi đã quá hạn hoặc không đọc được. Cán bộ CNTT cần cập nhật.",
        "The revocation list is out of date or unreadable. The IT officer must refresh it.",
    ),
    AlarmCode.UNDELIVERABLE: (
        "Trục không chuyển được một bản tin tới nơi nhận. Hãy gọi điện cho nơi nhận.",
        "The exchange could not deliver a message. Phone the receiving hospital.",
    ),
    AlarmCode.DEADLINE: (
        "Nơi nhận chưa trả lời trong thời hạn. Hãy gọi điện cho nơi nhận.",
        "The receiving hospital has not answered in time. Phone it.",
    ),
    AlarmCode.DESTINATION_CANNOT_READ: (
        "Nơi nhận không mở được bản tin; phần mềm đã niêm phong và gửi lại.",
        "The receiving hospital could not open the message; it was sealed anew and sent again.",
    ),
}


_SENTENCES: Final[dict[str, tuple[str, str]]] = {
    **{code.value: (reason.vi, reason.en) for code, reason in REASONS.items()},
    **{code.value: words for code, words in _WORDS.items()},
}


def alarm_words(code: str) -> tuple[str, str]:
    """The sentence of an alarm in Vietnamese and in English."""
    return _SENTENCES.get(code, (code, code))
