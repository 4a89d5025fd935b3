"""What the certificate authority and the reading of key files may refuse."""

from typing import Final

from schemas.reasons.codes import ReasonCode
from schemas.reasons.model import Disposition, Fixer, Reason

REASONS: Final = (
    Reason(
        ReasonCode.KEY_FILE_UNREADABLE,
        Disposition.REJECT,
        Fixer.SENDER_IT,
        "Không đọc được tệp khóa hoặc chứng thư. Cán bộ CNTT cần kiểm tra đường dẫn và cài lại tệp.",
        "The key or certificate file cannot be read. The IT officer must check the path and install the file anew.",
    ),
    Reason(
        ReasonCode.KEY_NOT_OF_CERTIFICATE,
        Disposition.REJECT,
        Fixer.SENDER_IT,
        "Khóa bí mật và chứng thư không phải một cặp. Cán bộ CNTT cần đặt đúng cặp tệp.",
        "The private key and the certificate are not a pair. The IT officer must install matching files.",
    ),
    Reason(
        ReasonCode.KEY_TOO_WEAK,
        Disposition.REJECT,
        Fixer.SENDER_IT,
        "Loại hoặc độ dài khóa không được phép. Cán bộ CNTT cần tạo khóa EC P-256 hoặc RSA từ 3072 bit.",
        "The key's type or size is not allowed. The IT officer must make an EC P-256 key, or RSA of 3072 bits or more.",
    ),
    Reason(
        ReasonCode.KEY_ALREADY_CERTIFIED,
        Disposition.REJECT,
        Fixer.SENDER_IT,
        "Khóa này đã có chứng thư cho mục đích, thế hệ hoặc cơ sở khác, hoặc chứng thư đã bị thu hồi. Cán bộ CNTT cần tạo khóa mới.",
        "This key already has a certificate for another use, generation or facility, or a revoked one. The IT officer must make a new key.",
    ),
    Reason(
        ReasonCode.REQUEST_MALFORMED,
        Disposition.REJECT,
        Fixer.SENDER_IT,
        "Yêu cầu cấp chứng thư không đọc được. Cán bộ CNTT nơi gửi cần tạo lại yêu cầu.",
        "The certificate request cannot be read. The IT officer there must make it anew.",
    ),
    Reason(
        ReasonCode.REQUEST_NOT_PROVEN,
        Disposition.REJECT,
        Fixer.SENDER_IT,
        "Yêu cầu không chứng minh được bên gửi đang giữ khóa bí mật. Cán bộ CNTT nơi gửi cần tạo lại yêu cầu.",
        "The request does not prove that its maker holds the private key. The IT officer there must make it anew.",
    ),
    Reason(
        ReasonCode.REQUEST_NAMES_DIFFER,
        Disposition.REJECT,
        Fixer.OPERATOR,
        "Tên trong yêu cầu khác với cơ sở và mục đích được duyệt. Người cấp chứng thư cần đối chiếu lại trước khi cấp.",
        "The names in the request are not those of the approved facility and use. Whoever issues must compare before issuing.",
    ),
    Reason(
        ReasonCode.AUTHORITY_EXISTS,
        Disposition.REJECT,
        Fixer.OPERATOR,
        "Thư mục này đã có một nơi cấp chứng thư. Hãy chọn thư mục khác; không bao giờ ghi đè khóa gốc.",
        "The folder already holds an authority. Choose another; a root key is never overwritten.",
    ),
    Reason(
        ReasonCode.AUTHORITY_UNREADABLE,
        Disposition.REJECT,
        Fixer.OPERATOR,
        "Thư mục của nơi cấp chứng thư không có, thiếu tệp hoặc bị hỏng. Hãy kiểm tra đường dẫn hoặc phục hồi bản sao lưu.",
        "The authority's folder is missing, incomplete or damaged. Check the path, or restore a backup.",
    ),
    Reason(
        ReasonCode.SERIAL_UNKNOWN,
        Disposition.REJECT,
        Fixer.OPERATOR,
        "Nơi cấp này không có chứng thư mang số đó. Hãy xem danh sách bằng lệnh lienvien ca show.",
        "This authority issued no certificate with that serial. List them with: lienvien ca show.",
    ),
)
