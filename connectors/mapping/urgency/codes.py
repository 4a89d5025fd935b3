"""Diagnosis codes (ICD-10, QĐ 4469/QĐ-BYT) that speak for urgency. Dotted and undotted forms are the same code.

Chosen by engineers; a clinician reviews the lists before clinical use. They only ever raise.
"""

from typing import Final

# rule, names of the group, prefixes without dot
Group = tuple[str, str, str, tuple[str, ...]]


def _prefixes(text: str) -> tuple[str, ...]:
    return tuple(text.split())


STAT: Final[tuple[Group, ...]] = (
    ("stat-arrest", "ngừng tuần hoàn", "cardiac arrest", ("I46", "R092")),
    (
        "stat-sepsis-shock",
        "nhiễm khuẩn huyết, sốc",
        "sepsis, shock",
        _prefixes("""A40 A41 R57 R651 T794 T782 T811 T886 O751 O85"""),
    ),
    ("stat-respiratory", "suy hô hấp cấp", "acute respiratory failure", ("J960", "J80", "J930", "J46", "T71")),
    (
        "stat-pregnancy",
        "cấp cứu sản khoa",
        "obstetric emergency",
        ("O141", "O142", "O15", "O441", "O45", "O71", "O72", "O88"),
    ),
    (
        "stat-trauma",
        "đa chấn thương, chấn thương nặng",
        "polytrauma, severe trauma",
        _prefixes("""T06 T07 S061 S062 S063 S064 S065 S066 S14 S25 S26 S27 S35 S36"""),
    ),
    (
        "stat-vessel",
        "mạch máu lớn, thuyên tắc",
        "great vessels, embolism",
        ("I710", "I711", "I713", "I715", "I718", "I26", "I312"),
    ),
    (
        "stat-coma",
        "hôn mê, trạng thái động kinh",
        "coma, status epilepticus",
        ("R402", "G41", "E100", "E110", "E140", "E15", "K72"),
    ),
    ("stat-bleeding", "chảy máu nặng", "severe bleeding", ("I850", "K922", "D65", "R58")),
)

# Only within a day of admission: after two weeks the same code stands for recovery.
STAT_RECENT: Final[tuple[Group, ...]] = (
    ("stat-stemi", "nhồi máu cơ tim cấp", "acute myocardial infarction", ("I21", "I22")),
    ("stat-stroke", "đột quỵ trong những giờ đầu", "stroke in its first hours", ("I60", "I61", "I63", "I64")),
)

# Only in the first 28 days of life.
STAT_NEWBORN: Final[tuple[Group, ...]] = (
    (
        "stat-newborn",
        "bệnh nặng của trẻ sơ sinh",
        "severe illness of a newborn",
        _prefixes("""P070 P071 P072 P20 P21 P22 P24 P25 P26 P28 P36 P52 P77 P90 P91 Q20 Q21 Q23 Q25 Q39 Q41 Q42
            Q790"""),
    ),
)

URGENT: Final[tuple[Group, ...]] = (
    (
        "urgent-diagnosis",
        "chẩn đoán thường cần xử trí sớm",
        "a diagnosis that usually wants early treatment",
        _prefixes("""A39 B50 F322 F323 G00 G03 G04 I200 I330 I441 I442 I470 I472 I500 J85 J86 K250 K252 K254
            K260 K262 K264 K35 K56 K631 K65 K750 K800 K803 K81 K830 K85 N10 N17 O00 O14 O20 O36 O42
            O60 S06 S72 T3 T4 T5 T824 X6"""),
    ),
)
