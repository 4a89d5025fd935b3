"""What is wrong with a record before anybody is proven to have sent it."""

from typing import Final

from schemas.reasons.codes import ReasonCode
from schemas.reasons.model import Disposition, Fixer, Reason

REASONS: Final = (
    Reason(
        ReasonCode.RECORD_TOO_LARGE,
        Disposition.QUARANTINE,
        Fixer.VENDOR,
        "Bản ghi lớn hơn giới hạn của phong bì. Nhà cung cấp phần mềm kết nối cần giảm tệp đính kèm rồi gửi lại.",
        "The record is larger than an envelope may be. The connector's vendor must shrink the attachments and send again.",
    ),
    Reason(
        ReasonCode.RECORD_TYPE_UNKNOWN,
        Disposition.QUARANTINE,
        Fixer.VENDOR,
        "Loại bản ghi không có trong quy ước. Nhà cung cấp phần mềm kết nối cần sửa tiêu đề record_type.",
        "The record's type is not in the contract. The connector's vendor must correct the record_type header.",
    ),
    Reason(
        ReasonCode.RECORD_UNREADABLE,
        Disposition.QUARANTINE,
        Fixer.VENDOR,
        "Lô bản ghi nén theo cách không được phép hoặc bị hỏng. Nhà cung cấp cần gửi không nén.",
        "The batch is compressed in a way that is not allowed, or broken. The vendor must send uncompressed.",
    ),
    Reason(
        ReasonCode.ENVELOPE_MALFORMED,
        Disposition.QUARANTINE,
        Fixer.VENDOR,
        "Phong bì không đúng dạng JWE JSON. Nhà cung cấp phần mềm kết nối cần sửa cách đóng gói.",
        "The envelope is not the JWE JSON form of the contract. The connector's vendor must correct the sealing.",
    ),
    Reason(
        ReasonCode.ENVELOPE_HEADER_NOT_COMPACT,
        Disposition.QUARANTINE,
        Fixer.VENDOR,
        "Tiêu đề bảo vệ của phong bì có khoảng trắng hoặc viết khác dạng JSON gọn. Nhà cung cấp phần mềm kết nối cần ghi JSON gọn.",
        "The envelope's protected header is not compact JSON. The connector's vendor must write it without spaces.",
    ),
    Reason(
        ReasonCode.ENVELOPE_TOO_MANY_RECIPIENTS,
        Disposition.QUARANTINE,
        Fixer.VENDOR,
        "Phong bì có quá bốn nơi nhận. Nhà cung cấp phần mềm kết nối cần bỏ bớt.",
        "The envelope names more than four recipients. The connector's vendor must drop the surplus.",
    ),
    Reason(
        ReasonCode.ENVELOPE_NOT_FOR_US,
        Disposition.QUARANTINE,
        Fixer.SENDER_IT,
        "Phong bì không được niêm phong cho bên mở này. Cán bộ CNTT nơi gửi cần cập nhật danh bạ khóa rồi gửi lại.",
        "The envelope holds no entry for this key. The sender's IT officer must refresh the key directory and send again.",
    ),
    Reason(
        ReasonCode.ENVELOPE_UNDECRYPTABLE,
        Disposition.QUARANTINE,
        Fixer.SENDER_IT,
        "Không mở được phong bì. Cán bộ CNTT nơi gửi cần niêm phong lại và gửi lại.",
        "The envelope cannot be opened. The sender's IT officer must seal it anew and send again.",
    ),
    Reason(
        ReasonCode.TOKEN_MALFORMED,
        Disposition.QUARANTINE,
        Fixer.VENDOR,
        "Chữ ký không đúng dạng JWS ba phần. Nhà cung cấp phần mềm kết nối cần sửa cách ký.",
        "The token is not a compact JWS of three parts. The connector's vendor must correct the signing.",
    ),
    Reason(
        ReasonCode.TOKEN_WRONG_TYPE,
        Disposition.QUARANTINE,
        Fixer.VENDOR,
        "Mã ký thuộc loại khác với nơi nó được gửi tới. Nhà cung cấp cần gửi đúng loại.",
        "A token of another kind was sent to this door. The vendor must send the right kind.",
    ),
    Reason(
        ReasonCode.HEADER_NOT_ALLOWED,
        Disposition.QUARANTINE,
        Fixer.VENDOR,
        "Tiêu đề chữ ký có trường không được phép. Nhà cung cấp phần mềm kết nối cần bỏ trường đó.",
        "The signature header holds a member that is not allowed. The connector's vendor must remove it.",
    ),
    Reason(
        ReasonCode.ALGORITHM_NOT_ALLOWED,
        Disposition.QUARANTINE,
        Fixer.VENDOR,
        "Thuật toán ký hoặc mã hóa không được phép với khóa này. Nhà cung cấp cần dùng PS256 hoặc ES256.",
        "The algorithm is not allowed for this key. The vendor must use PS256 or ES256.",
    ),
    Reason(
        ReasonCode.DUPLICATE_MEMBER,
        Disposition.QUARANTINE,
        Fixer.VENDOR,
        "Một đối tượng JSON có hai trường cùng tên. Nhà cung cấp phần mềm cần sửa bản tin.",
        "A JSON object holds two members of one name. The software's vendor must correct the message.",
    ),
    Reason(
        ReasonCode.SIGNATURE_INVALID,
        Disposition.QUARANTINE,
        Fixer.SENDER_IT,
        "Chữ ký số không khớp với nội dung. Cán bộ CNTT nơi gửi cần ký lại và báo điều hành trục nếu lặp lại.",
        "The signature does not fit the content. The sender's IT officer must sign anew, and tell the exchange's operator if it recurs.",
    ),
    Reason(
        ReasonCode.KEY_UNKNOWN,
        Disposition.QUARANTINE,
        Fixer.SENDER_IT,
        "Không nhận ra khóa ký. Cán bộ CNTT cần cập nhật danh bạ khóa.",
        "The signing key is not known. The IT officer must refresh the key directory.",
    ),
    Reason(
        ReasonCode.POISON,
        Disposition.QUARANTINE,
        Fixer.OPERATOR,
        "Bản ghi làm dừng tiến trình xử lý nên đã được cách ly. Điều hành trục cần xem xét.",
        "The record stopped the process that read it and was set aside. The exchange's operator must look at it.",
    ),
    Reason(
        ReasonCode.PROCESSING_FAILED,
        Disposition.QUARANTINE,
        Fixer.OPERATOR,
        "Bản ghi không xử lý được nên đã được cách ly. Điều hành trục cần xem xét.",
        "The record could not be processed and was set aside. The exchange's operator must look at it.",
    ),
)
