"""Certificates, revocation and clocks."""

from typing import Final

from schemas.reasons.codes import ReasonCode
from schemas.reasons.model import Disposition, Fixer, Reason

REASONS: Final = (
    Reason(
        ReasonCode.CERTIFICATE_MALFORMED,
        Disposition.QUARANTINE,
        Fixer.SENDER_IT,
        "Chứng thư số không đọc được hoặc sai dạng. Cán bộ CNTT nơi gửi cần cài lại chứng thư.",
        "The certificate cannot be read or has the wrong form. The sender's IT officer must install it anew.",
    ),
    Reason(
        ReasonCode.UNTRUSTED_ISSUER,
        Disposition.QUARANTINE,
        Fixer.SENDER_IT,
        "Chứng thư số không do cơ quan cấp được tin cậy phát hành. Cán bộ CNTT nơi gửi cần xin chứng thư đúng nơi cấp.",
        "The certificate comes from an issuer that is not trusted. The sender's IT officer must get one from the right issuer.",
    ),
    Reason(
        ReasonCode.CERTIFICATE_EXPIRED,
        Disposition.QUARANTINE,
        Fixer.SENDER_IT,
        "Chứng thư số đã hết hạn lúc ký. Cán bộ CNTT nơi gửi cần gia hạn và ký lại.",
        "The certificate had expired when it signed. The sender's IT officer must renew it and sign again.",
    ),
    Reason(
        ReasonCode.CERTIFICATE_NOT_YET_VALID,
        Disposition.QUARANTINE,
        Fixer.SENDER_IT,
        "Chứng thư số chưa có hiệu lực lúc ký. Cán bộ CNTT nơi gửi cần kiểm tra đồng hồ máy chủ.",
        "The certificate was not yet valid when it signed. The sender's IT officer must check the server's clock.",
    ),
    Reason(
        ReasonCode.CERTIFICATE_REVOKED,
        Disposition.QUARANTINE,
        Fixer.SENDER_IT,
        "Chứng thư số đã bị thu hồi. Cán bộ CNTT nơi gửi cần liên hệ nơi cấp để có chứng thư mới.",
        "The certificate is revoked. The sender's IT officer must ask the issuer for a new one.",
    ),
    Reason(
        ReasonCode.CERTIFICATE_WRONG_USAGE,
        Disposition.QUARANTINE,
        Fixer.SENDER_IT,
        "Chứng thư số không dùng cho mục đích này (ký, mã hóa hay kết nối). Cán bộ CNTT cần dùng đúng chứng thư.",
        "The certificate is not meant for this use (signing, encryption or connection). The IT officer must use the right one.",
    ),
    Reason(
        ReasonCode.FACILITY_MISMATCH,
        Disposition.QUARANTINE,
        Fixer.SENDER_IT,
        "Cơ sở trong chứng thư khác với cơ sở sở hữu kênh gửi. Cán bộ CNTT nơi gửi cần kiểm tra cấu hình; điều hành trục đã được báo.",
        "The facility in the certificate is not the one that owns this topic. The sender's IT officer must check the configuration; the operator has been told.",
    ),
    Reason(
        ReasonCode.FACILITY_UNKNOWN,
        Disposition.QUARANTINE,
        Fixer.OPERATOR,
        "Cơ sở gửi chưa được kết nạp. Điều hành trục cần thêm cơ sở này.",
        "The sending facility has not been admitted. The exchange's operator must add it.",
    ),
    Reason(
        ReasonCode.FACILITY_SUSPENDED,
        Disposition.TRANSIENT,
        Fixer.OPERATOR,
        "Cơ sở đang bị tạm ngừng trên trục. Hãy gọi điện cho nơi nhận và liên hệ điều hành trục.",
        "The facility is suspended on the exchange. Phone the receiving hospital and contact the exchange's operator.",
    ),
    Reason(
        ReasonCode.CRL_STALE,
        Disposition.HELD,
        Fixer.OPERATOR,
        "Danh sách thu hồi chứng thư đã quá hạn nên chưa xét được. Điều hành trục cần cập nhật; trường hợp tối khẩn vẫn được chuyển và đánh dấu.",
        "The revocation list is out of date, so the message waits. The operator must refresh it; stat cases pass, flagged.",
    ),
    Reason(
        ReasonCode.CRL_UNUSABLE,
        Disposition.HELD,
        Fixer.OPERATOR,
        "Không có danh sách thu hồi chứng thư dùng được nên chưa xét được. Điều hành trục cần cài danh sách mới.",
        "There is no usable revocation list, so the message waits. The operator must install a new one.",
    ),
    Reason(
        ReasonCode.IAT_TOO_OLD,
        Disposition.TRANSIENT,
        Fixer.SENDER_IT,
        "Thời điểm ký đã quá 30 ngày. Cán bộ CNTT nơi gửi cần kiểm tra đồng hồ và ký lại.",
        "The message was signed more than 30 days ago. The sender's IT officer must check the clock and sign again.",
    ),
    Reason(
        ReasonCode.IAT_IN_FUTURE,
        Disposition.TRANSIENT,
        Fixer.SENDER_IT,
        "Thời điểm ký nằm trong tương lai hơn 5 phút. Cán bộ CNTT nơi gửi cần chỉnh đồng hồ; phần mềm sẽ tự gửi lại.",
        "The message claims to be signed more than 5 minutes in the future. The sender's IT officer must set the clock; it is sent again by itself.",
    ),
    Reason(
        ReasonCode.CLOCK_DISAGREEMENT,
        Disposition.HELD,
        Fixer.OPERATOR,
        "Đồng hồ của trục đang lệch nên chưa xét được thời hạn. Điều hành trục cần chỉnh đồng hồ.",
        "The exchange's clocks disagree, so times are not judged yet. The exchange's operator must set them.",
    ),
    Reason(
        ReasonCode.KEY_FILE_UNSAFE,
        Disposition.REJECT,
        Fixer.SENDER_IT,
        "Tệp khóa bí mật cho người khác đọc được. Cán bộ CNTT cần đặt quyền 0600 cho tệp rồi chạy lại.",
        "The private key's file can be read by others. The IT officer must set its mode to 0600 and start again.",
    ),
    Reason(
        ReasonCode.DIRECTORY_ROLLED_BACK,
        Disposition.REJECT,
        Fixer.OPERATOR,
        "Mục danh bạ có số phiên bản thấp hơn bản đã biết nên bị bỏ qua. Điều hành trục cần kiểm tra.",
        "A directory entry has a lower version than the one known and is ignored. The exchange's operator must check.",
    ),
    Reason(
        ReasonCode.DIRECTORY_FORKED,
        Disposition.REJECT,
        Fixer.OPERATOR,
        "Hai mục danh bạ khác nhau mang cùng một số phiên bản. Điều hành trục cần liên hệ cơ sở để kiểm tra.",
        "Two different directory entries carry one version. The exchange's operator must ask the facility.",
    ),
    Reason(
        ReasonCode.SIGNING_KEY_ENDING,
        Disposition.REJECT,
        Fixer.SENDER_IT,
        "Chứng thư ký sắp hết hạn (còn dưới 30 ngày) nên không ký nữa. Cán bộ CNTT nơi gửi cần cài chứng thư ký mới.",
        "The signing certificate ends within 30 days and signs no more. The sender's IT officer must install the new one.",
    ),
)
