"""Units as Vietnamese laboratories print them, in UCUM; only those that mean exactly one thing."""

from typing import Final

UCUM_CODES: Final = {
    "%": "%",
    "fL": "fL",
    "pg": "pg",
    "g/L": "g/L",
    "g/dL": "g/dL",
    "g/l": "g/L",
    "mg/L": "mg/L",
    "mg/dL": "mg/dL",
    "mg/l": "mg/L",
    "µg/L": "ug/L",
    "µg/mL": "ug/mL",
    "ng/mL": "ng/mL",
    "ng/L": "ng/L",
    "ng/dL": "ng/dL",
    "pg/mL": "pg/mL",
    "mmol/L": "mmol/L",
    "mmol/l": "mmol/L",
    "µmol/L": "umol/L",
    "µmol/l": "umol/L",
    "umol/L": "umol/L",
    "nmol/L": "nmol/L",
    "pmol/L": "pmol/L",
    "U/L": "U/L",
    "U/l": "U/L",
    "U/mL": "U/mL",
    "mIU/L": "m[IU]/L",
    "IU/L": "[IU]/L",
    "IU/mL": "[IU]/mL",
    "T/L": "10*12/L",
    "G/L": "10*9/L",
    "L/L": "L/L",
    "mmHg": "mm[Hg]",
    "kPa": "kPa",
    "giây": "s",
    "phút": "min",
    "mm/h": "mm/h",
    "mL/phút": "mL/min",
    "kg": "kg",
}

# Two code points are printed for "micro"; both mean the same.
MICRO_GREEK: Final = "\u03bc"
MICRO_SIGN: Final = "\u00b5"


def ucum(unit: str) -> str | None:
    """The UCUM code of a printed unit, or None where the table does not hold it."""
    return UCUM_CODES.get(unit.replace(MICRO_GREEK, MICRO_SIGN))
