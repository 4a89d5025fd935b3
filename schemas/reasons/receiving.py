"""What a receiving connector may find in a record of its inbox."""

from typing import Final

from schemas.reasons.codes import ReasonCode
from schemas.reasons.model import Disposition, Fixer, Reason

REASONS: Final = (
    Reason(
        ReasonCode.STAMP_MISSING,
        Disposition.QUARANTINE,
        Fixer.OPERATOR,
        "Bản ghi không có đúng một dấu của trục. Điều hành trục cần kiểm tra kênh nhận.",
        "The record does not carry exactly one stamp. The exchange's operator must check the inbox.",
    ),
    Reason(
        ReasonCode.STAMP_INVALID,
        Disposition.QUARANTINE,
        Fixer.OPERATOR,
        "Dấu của trục không hợp lệ. Điều hành trục cần kiểm tra kênh nhận.",
        "The exchange's stamp is not valid. The exchange's operator must check the inbox.",
    ),
    Reason(
        ReasonCode.STAMP_NOT_FOR_ME,
        Disposition.QUARANTINE,
        Fixer.OPERATOR,
        "Dấu của trục ghi nơi nhận khác. Điều hành trục cần kiểm tra kênh nhận.",
        "The stamp names another recipient or exchange. The exchange's operator must check the inbox.",
    ),
    Reason(
        ReasonCode.RECORD_DIGEST_DIFFERS,
        Disposition.QUARANTINE,
        Fixer.OPERATOR,
        "Bản ghi khác với mã băm trong dấu của trục. Điều hành trục sẽ gửi lại.",
        "The record differs from the digest in its stamp. The exchange sends it again.",
    ),
    Reason(
        ReasonCode.PAYLOAD_DIGEST_DIFFERS,
        Disposition.QUARANTINE,
        Fixer.SENDER_IT,
        "Nội dung mở ra khác với mã băm trong dấu của trục. Nơi gửi cần niêm phong lại; phần mềm tự làm.",
        "The opened content differs from the digest in the stamp. The sender must seal it anew; the connector does so by itself.",
    ),
    Reason(
        ReasonCode.BUNDLE_DISAGREES_WITH_STAMP,
        Disposition.QUARANTINE,
        Fixer.OPERATOR,
        "Mã, sự kiện hoặc nơi gửi trong hồ sơ khác với dấu của trục. Điều hành trục cần kiểm tra.",
        "Ids, event or parties in the Bundle differ from the stamp. The exchange's operator must check.",
    ),
    Reason(
        ReasonCode.NUMBER_REUSED,
        Disposition.QUARANTINE,
        Fixer.OPERATOR,
        "Một số thứ tự trong kênh nhận mang nội dung khác. Điều hành trục cần kiểm tra.",
        "A number of the inbox came with other content. The exchange's operator must check.",
    ),
)
