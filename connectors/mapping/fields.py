"""Where each field of XML13 is at home in the Bundle."""

from typing import Final

# The resource whose extension holds a field's exact text where its FHIR element cannot; all others: ServiceRequest.
HOMES: Final = {
    **dict.fromkeys(
        ("SO_HOSO", "HO_TEN", "NGAY_SINH", "GIOI_TINH", "MA_QUOCTICH", "MA_DANTOC", "MA_NGHE_NGHIEP", "DIA_CHI",
         "MA_THE_BHYT", "GT_THE_DEN"),
        "Patient",
    ),
    **dict.fromkeys(
        ("MA_LK", "MA_NOI_DI", "MA_CSKCB_DI", "NGAY_VAO", "NGAY_VAO_NOI_TRU", "MA_LOAI_RV"),
        "Encounter",
    ),
}  # fmt: skip
REQUEST: Final = "ServiceRequest"


def home(field: str) -> str:
    """The type of the resource whose extension may hold this field."""
    return HOMES.get(field, REQUEST)
