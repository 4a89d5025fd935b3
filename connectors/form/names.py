"""Words for the codes that the form prints. A code in no list is printed as it is."""

from typing import Final

# QĐ 121-TCTK/PPCĐ (1979)
_NAMES: Final = (
    "Kinh", "Tày", "Thái", "Hoa", "Khơ-me", "Mường", "Nùng", "HMông", "Dao", "Gia-rai", "Ngái", "Ê-đê", "Ba-na",
    "Xơ-đăng", "Sán Chay", "Cơ-ho", "Chăm", "Sán Dìu", "Hrê", "Mnông", "Ra-glai", "Xtiêng", "Bru-Vân Kiều", "Thổ",
    "Giáy", "Cơ-tu", "Gié-Triêng", "Mạ", "Khơ-mú", "Co", "Ta-ôi", "Chơ-ro", "Kháng", "Xinh-mun", "Hà Nhì",
    "Chu-ru", "Lào", "La Chi", "La Ha", "Phù Lá", "La Hủ", "Lự", "Lô Lô", "Chứt", "Mảng", "Pà Thẻn", "Cơ Lao",
    "Cống", "Bố Y", "Si La", "Pu Péo", "Brâu", "Ơ Đu", "Rơ-măm", "Người nước ngoài",
)  # fmt: skip
_ETHNIC: Final = {f"{number:02d}": name for number, name in enumerate(_NAMES, 1)}


def ethnic_group(code: str) -> str:
    """``Tày``, or the code itself."""
    return _ETHNIC.get(code, code)


def nationality(code: str) -> str:
    """``Việt Nam``, or the code itself."""
    return "Việt Nam" if code == "000" else code


def occupation(code: str) -> str:
    """The code as it stands (QĐ 34/2020/QĐ-TTg has thousands); ``00000`` means none."""
    return "" if code in {"", "0", "00000"} else f"mã {code}"
