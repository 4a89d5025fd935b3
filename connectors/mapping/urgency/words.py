"""Words of a slip that speak for urgency or for calm, and what takes them back."""

import re
from typing import Final

STAT: Final = re.compile(
    r"thở máy|nội khí quản|bóp bóng|vận mạch|noradrenalin|vasopressin|ngừng tuần hoàn|ngừng tim|hôn mê|sốc|tím tái"
    r"|suy hô hấp nặng|nguy kịch|giờ vàng|chảy máu ồ ạt",
    re.IGNORECASE,
)
URGENT: Final = re.compile(r"cấp cứu|khẩn|thở oxy|diễn biến nặng|hồi sức tích cực|nguy cơ tự sát", re.IGNORECASE)
# Right before a word, these say that it is not, or no longer, so.
_DENIED: Final = re.compile(
    r"(?:không|chưa|hết|thôi|đã cai|đã rút|đã ngừng|ngưng|dừng|cai|rút)\s+(?:(?:có|còn|dùng|cần|phải|bị)\s+)?\Z",
    re.IGNORECASE,
)
_LOOK_BACK_CHARS: Final = 25

AMBULANCE: Final = re.compile(r"xe cứu thương|xe cấp cứu|\b115\b|trực thăng", re.IGNORECASE)
OWN_MEANS: Final = re.compile(r"cá nhân|gia đình|tự túc|tự đi|xe khách|xe máy|taxi", re.IGNORECASE)
DOCTOR: Final = re.compile(r"bác sĩ|hồi sức|cấp cứu", re.IGNORECASE)

ONE_YEAR: Final = re.compile(
    r"GIAY_CHUYEN_1_NAM\s*=\s*1\b|(?:giá trị|hiệu lực|thời hạn)\D{0,20}(?:một|0?1) năm", re.IGNORECASE
)
TEST_ONLY: Final = re.compile(
    r"(?:chỉ|chuyển|gửi)(?: mẫu| để)?(?: thực hiện| làm)? (?:dịch vụ )?(?:cận lâm sàng|xét nghiệm)\b", re.IGNORECASE
)


def says(pattern: re.Pattern[str], text: str) -> bool:
    """True when a word stands in the text at least once without being denied right before."""
    return any(
        _DENIED.search(text[max(0, match.start() - _LOOK_BACK_CHARS) : match.start()]) is None
        for match in pattern.finditer(text)
    )
