"""What stands on the pages beside the words of ``broker.api.words``. One key, two texts."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from schemas.reasons import REASONS, ReasonCode
from schemas.words import Phrase

TEXTS: Final[Mapping[str, Phrase]] = MappingProxyType(
    {
        name: Phrase(vi, en)
        for name, vi, en in (
            ("title", "Liên Viện – điều hành trục", "Liên Viện – operating the exchange"),
            ("skip", "Tới nội dung chính", "Skip to the main content"),
            ("other_language", "English", "Tiếng Việt"),
            ("menu", "Các trang", "Pages"),
            ("home", "Tổng quan", "Overview"),
            ("transfers", "Hồ sơ chuyển", "Transfers"),
            ("attention", "Cần xử lý", "Needs attention"),
            ("facilities", "Cơ sở", "Facilities"),
            ("engine", "Vận hành", "Engine"),
            ("search", "Tìm hồ sơ", "Find a case"),
            ("search_hint", "Mã ca, mã hồ sơ hoặc mã bản tin", "Case code, case, transfer or message id"),
            ("find", "Tìm", "Find"),
            ("updated", "Cập nhật lúc", "Updated at"),
            (
                "lost",
                "Mất liên hệ với trục; trang đang hiện số liệu cũ.",
                "No answer from the exchange; this page is old.",
            ),
            ("pause", "Tạm dừng cập nhật", "Pause updates"),
            ("resume", "Cập nhật tiếp", "Resume updates"),
            ("copy", "Chép", "Copy"),
            ("copied", "Đã chép", "Copied"),
            ("last_24h", "24 giờ qua", "last 24 hours"),
            ("now", "hiện tại", "now"),
            ("stuck", "Đang tắc", "Stuck"),
            ("held", "Đang giữ", "Held"),
            ("refused", "Bị từ chối", "Refused"),
            ("quarantine", "Cách ly", "Quarantine"),
            ("junk", "Rác không rõ người gửi", "Junk of unknown origin"),
            ("alarms", "Báo động", "Alarms"),
            ("undecided", "Chưa có quyết định", "No decision yet"),
            ("accepted", "Đồng ý tiếp nhận", "Accepted"),
            ("declined", "Từ chối tiếp nhận", "Declined"),
            ("case_code", "Mã ca", "Case code"),
            ("from_to", "Từ → đến", "From → to"),
            ("sender", "Nơi gửi", "Sender"),
            ("destination", "Nơi nhận", "Destination"),
            ("facility", "Cơ sở", "Facility"),
            ("urgency", "Mức khẩn", "Urgency"),
            ("kind", "Loại", "Kind"),
            ("last_proven", "Bước cuối đã có bằng chứng", "Last proven step"),
            ("age", "Đã qua", "Age"),
            ("decision", "Quyết định", "Decision"),
            ("journey", "Hành trình", "Journey"),
            ("summary", "Tóm tắt ra viện", "Summary"),
            ("delivery", "Giao phiếu", "Delivery"),
            ("situation", "Tình trạng", "Situation"),
            ("cause", "Nguyên nhân", "Cause"),
            ("owner", "Ai xử lý", "Who must act"),
            ("since", "Từ lúc", "Since"),
            ("due", "Hạn", "Due"),
            ("unclassified", "chưa phân loại", "unclassified"),
            ("incomplete", "gửi thiếu", "incomplete"),
            ("any", "Tất cả", "Any"),
            ("apply", "Lọc", "Filter"),
            ("clear", "Bỏ lọc", "Clear"),
            ("filters", "Bộ lọc", "Filters"),
            ("next_page", "Cũ hơn", "Older"),
            ("first_page", "Mới nhất", "Newest"),
            ("all_transfers", "Xem tất cả hồ sơ", "See all transfers"),
            ("newest_transfers", "Hồ sơ mới nhất", "Newest transfers"),
            ("timeline", "Các bước", "Steps"),
            ("no_proof", "Chưa có bằng chứng", "No proof yet"),
            ("messages", "Bản tin", "Messages"),
            ("message", "Bản tin", "Message"),
            ("event", "Việc", "Event"),
            ("answer", "Trả lời của trục", "Answer"),
            ("carried", "Đã chuyển tới", "Carried"),
            ("ack", "Xác nhận của nơi nhận", "Destination's ack"),
            ("number", "Thứ tự", "Order"),
            ("time", "Lúc", "Time"),
            ("case_id", "Mã hồ sơ", "Case id"),
            ("transfer_id", "Mã lượt chuyển", "Transfer id"),
            ("message_id", "Mã bản tin", "Message id"),
            ("try_again_at", "Xét lại lúc", "Tried again at"),
            ("record", "Bản ghi", "Record"),
            ("size", "Cỡ (byte)", "Size (bytes)"),
            ("records", "Số bản ghi", "Records"),
            ("last_seen", "Gần nhất", "Last"),
            ("lane", "Làn", "Lane"),
            ("lanes", "Làn xử lý", "Lanes"),
            ("worker", "Tiến trình", "Worker"),
            ("nobody_serves", "Không ai phục vụ", "Nobody serves it"),
            ("epoch", "Lượt giữ", "Epoch"),
            ("members", "Số cơ sở", "Facilities"),
            ("status", "Trạng thái", "Status"),
            ("active", "Đang hoạt động", "Active"),
            ("suspended", "Đã ngắt", "Suspended"),
            ("last_submitted", "Lần gửi cuối", "Last submitted"),
            ("heard", "Báo hộp nhận cuối", "Last inbox report"),
            ("never", "Chưa bao giờ", "Never"),
            ("backlog", "Chờ phát / chưa xác nhận / thiếu", "Waiting / unconfirmed / missing"),
            ("certificates", "Chứng thư: số ngày còn lại", "Certificates: days left"),
            ("signing", "Ký", "Signing"),
            ("encryption", "Mã hóa", "Encryption"),
            ("ended", "đã hết hạn", "ended"),
            ("days", "ngày", "days"),
            ("unknown", "Chưa rõ", "Unknown"),
            ("audit_log", "Nhật ký chứng cứ", "Audit log"),
            ("leaves", "Số mục đã đánh số", "Numbered entries"),
            ("unnumbered", "Chờ đánh số", "Waiting for a number"),
            ("checkpoint", "Mốc ký gần nhất", "Last checkpoint"),
            ("nothing_stuck", "Không có hồ sơ nào đang tắc.", "Nothing is stuck."),
            ("nothing_held", "Không có bản tin nào bị giữ.", "Nothing is held."),
            ("nothing_refused", "Không có bản tin bị từ chối chưa được gửi lại.", "No refused message is open."),
            ("nothing_here", "Không có mục nào.", "Nothing here."),
            (
                "no_transfers",
                "Chưa có hồ sơ nào khớp. Bỏ lọc, hoặc chờ cơ sở gửi hồ sơ đầu tiên.",
                "No transfer fits. Clear the filter, or wait for a facility to send its first.",
            ),
            (
                "no_facilities",
                "Chưa có cơ sở nào. Thêm bằng: lienvien exchange facility add MÃ",
                "No facility takes part yet. Add one: lienvien exchange facility add CODE",
            ),
            (
                "not_found",
                "Không tìm thấy. Hãy dán đúng mã ca (24Z01-2211-017-K) hoặc một mã UUID.",
                "Not found. Paste a whole case code (24Z01-2211-017-K) or a UUID.",
            ),
            (
                "unavailable",
                "Tạm thời chưa hỏi được cơ sở dữ liệu. Trang sẽ tự thử lại.",
                "The database cannot be asked right now. The page tries again by itself.",
            ),
            (
                "no_patients",
                "Trang này chỉ có mã, thời gian và trạng thái; không có thông tin người bệnh.",
                "Ids, times and states only; there is no patient data on this page.",
            ),
            ("refused_unresolved", "7 ngày qua, chưa được gửi lại", "last 7 days, not sent again since"),
        )
    }
)

# Alarms that are no reason code of the contract.
_ALARMS: Final[Mapping[str, Phrase]] = MappingProxyType(
    {
        "log-broken": Phrase(
            "Kênh gửi của cơ sở không còn như lần đọc trước; trục đọc lại từ đầu. Kiểm tra Kafka.",
            "A submit topic is not what it was; it is read again from its start. Check Kafka.",
        ),
        "bytes-lost": Phrase(
            "Mất nội dung một bản tin đã nhận; nơi gửi đã được yêu cầu gửi lại.",
            "The bytes of an accepted message are lost; its sender was asked to send it again.",
        ),
        "held-bytes-lost": Phrase(
            "Mất nội dung một bản tin đang chờ; nơi gửi được yêu cầu gửi lại mỗi ngày một lần.",
            "The bytes of a waiting message are lost; its sender is asked once a day to send it again.",
        ),
        "store-fault": Phrase(
            "Cơ sở dữ liệu từ chối một lệnh của trục; việc đó được thử lại, các việc khác vẫn chạy. Xem nhật ký.",
            "The database refuses a statement; that work is tried again, everything else goes on. See the log.",
        ),
        "audit-key-unusable": Phrase(
            "Không đọc được khóa nhật ký chứng cứ (thiếu tệp, sai định dạng, hoặc người khác có quyền đọc). "
            "Chuyển hồ sơ vẫn chạy; sửa tệp khóa, không cần khởi động lại.",
            "The audit log's key cannot be used (missing, unreadable, or others may read it). "
            "Transfers go on; repair the key file, no restart is needed.",
        ),
        "audit-contradiction": Phrase(
            "Nhật ký chứng cứ mâu thuẫn với điểm kiểm đã công bố; ngừng đánh số, chuyển hồ sơ vẫn chạy. "
            "Kiểm tra bằng lienvien audit verify.",
            "The audit log contradicts a checkpoint; numbering has stopped, transfers go on. "
            "Look into it with lienvien audit verify.",
        ),
        "audit-checkpoint-file": Phrase(
            "Không ghi hoặc đọc được tệp điểm kiểm của nhật ký chứng cứ; kiểm tra đĩa và quyền. Chuyển hồ sơ vẫn chạy.",
            "The audit log's checkpoint file cannot be written or read; check disk and rights. Transfers go on.",
        ),
        "audit-failed": Phrase(
            "Việc đánh số nhật ký chứng cứ bị lỗi và đang được thử lại; chuyển hồ sơ vẫn chạy. Xem nhật ký.",
            "Numbering the audit log fails and is tried again; transfers go on. See the log.",
        ),
    }
)


def alarm_phrase(alarm: str) -> Phrase:
    """What an alarm means: a reason's sentence, one of ours, or its code where neither is known."""
    if alarm in set(ReasonCode):
        reason = REASONS[ReasonCode(alarm)]
        return Phrase(reason.vi, reason.en)
    return _ALARMS.get(alarm, Phrase(alarm, alarm))
