"""Changes to one element: some that any Bundle survives, some that none does, and some that depend on the row."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from decimal import Decimal
from typing import Any

from schemas.codes import systems
from schemas.profile.primitives import PRIMITIVES
from schemas.profile.rows import MANY, Fixed, Matches, OneOf
from tests.schemas.bundles import absent
from tests.schemas.profile.sites import Site

Mutation = Callable[[Site], None]

_OTHERS: dict[str, tuple[Any, ...]] = {
    "string": ("Nội dung khác", "huyết áp <90/60", "𠀀 e\u0301"),
    "longString": ("Dòng một\r\nDòng hai\tcột", "x" * 16_000),
    "markdown": ("**đậm**", "x" * 16_000),
    "code": ("X1", "mm[Hg]", "hai từ"),
    "uuid": ("00000000-0000-4000-8000-0000000000ff",),
    "urn-uuid": ("urn:uuid:00000000-0000-4000-8000-0000000000ff",),
    "uri": ("urn:lienvien:codesystem:other", "http://example.org/a?b=c"),
    "boolean": (False,),
    "positiveInt": (1, 2**31 - 1),
    "unsignedInt": (0,),
    "decimal": (Decimal("1.50"), Decimal("-0.1"), 3, 0),
    "date": ("1958", "1958-03", "2000-02-29"),
    "dateTime": ("2026", "2026-10", "2024-02-29", "2026-11-21T23:59:59.5Z"),
    "moment": ("2026-11-22T00:00:00Z", "2024-02-29T10:00:00.123456+14:00"),
    "sha-256": ("0" * 64,),
    "base64Binary": ("AAAA", "QUI="),
}
_BADS: dict[str, tuple[Any, ...]] = {
    "string": ("x" * 2_001, "a\x01b", "\x7f", "<script>x</script>", "<iframe src=x>", "<!-- x -->", " \t "),
    "longString": ("x" * 16_001, "a\x00b", "<SCRIPT src=//x>"),
    "markdown": ("x" * 16_001, "a\x0bb", "[x](javascript:alert(1))"),
    "code": (" banana", "ba  nana", "<b>", "x" * 101, "a\n"),
    "uuid": ("00000000-0000-4000-8000-00000000000A", "urn:uuid:00000000-0000-4000-8000-0000000000ff", "x"),
    "urn-uuid": ("URN:UUID:00000000-0000-4000-8000-0000000000ff", "00000000-0000-4000-8000-0000000000ff"),
    "uri": ("javascript:alert(1)", "http://a b", "relative", "file:///etc/passwd"),
    "boolean": (1, "false"),
    "positiveInt": (0, -1, 2**31, Decimal("1.5")),
    "unsignedInt": (-1, 2**31, Decimal("0.5")),
    "decimal": (10**13, Decimal("-1E+13"), Decimal("1E-400"), Decimal("0." + "1" * 40)),
    "date": ("2026-02-31", "2025-02-29", "1900-02-29", "2026-13", "26-01-01", "2026-1-1", "2026-11-22T10:00:00Z"),
    "dateTime": ("2026-04-31", "2026-11-22T10:00:00", "2026-11-22T24:00:00Z", "2026-11-22T10:00Z"),
    "moment": ("2026-02-30T10:00:00Z", "2026-11-22", "2026-11-22T10:00:00", "2026-11-22T10:00:60Z"),
    "sha-256": ("0" * 63, "A" * 64),
    "base64Binary": ("!!!", "QUI", "QQ=", "QU I=", "QUI=\n"),
}
_ALWAYS_BAD: tuple[Any, ...] = (None, "", [], {}, [[]], [None], {"unknownElement": 1})


def fine(site: Site) -> Iterator[Mutation]:
    """Mutations that every Bundle should survive by the table alone (a bundle rule may still forbid one)."""
    yield _reorder
    if not site.row.many and site.kind in PRIMITIVES and not isinstance(site.row.binding, Fixed | Matches):
        codes = site.row.binding.codes[:4] if isinstance(site.row.binding, OneOf) else _OTHERS[site.kind]
        yield from (_put(str(code) if isinstance(site.row.binding, OneOf) else code) for code in codes)
    if site.row.low == 0:
        yield Site.remove
    if site.row.sayable and site.kind in PRIMITIVES and not site.row.many and not site.member.startswith("value"):
        yield _say_why
    if site.row.sayable and site.kind not in PRIMITIVES and site.index is None:
        yield _put([absent()] if site.row.many else absent())


def bad(site: Site) -> Iterator[Mutation]:
    """Mutations that no Bundle survives, whatever its priority."""
    yield from (_put(value) for value in _ALWAYS_BAD if not (value is None and site.index is not None))
    yield _put(not isinstance(site.value, bool)) if site.kind != "boolean" else _put("true")
    yield _put(17) if isinstance(site.value, str | dict | list) else _put(str(site.value))
    if site.index is None:
        yield _unwrap if isinstance(site.value, list) else _wrap
        yield _say_nothing
    yield _sibling
    if isinstance(site.value, dict):
        yield _inside
    if site.kind in PRIMITIVES and not site.row.many:
        bound = site.row.binding is not None
        yield from (_put(value) for value in (("banana", "<i>") if bound else _BADS[site.kind]))
    if site.row.many and site.row.high < MANY:
        yield _too_many(site.row.high)


def either(site: Site) -> Iterator[Mutation]:
    """Mutations whose fate depends on the row's need and on the rules."""
    yield Site.remove
    if site.kind.startswith("Reference") and not site.row.many:
        yield _put({"reference": "urn:uuid:00000000-0000-4000-8000-00000000dead"})
        yield _put({"display": "chỉ có tên"})
        yield _put({"type": "Patient", "identifier": {"system": systems.CASE_ID, "value": "x"}})
    if site.kind in ("dateTime", "moment", "date") and not site.row.many:
        yield _put("2027-11-22T10:00:00Z" if site.kind == "moment" else "2027-11-22")
    if site.kind in ("string", "longString", "markdown") and not site.row.many:
        yield _put("chữ <b>đậm</b>")
        yield _put("<p class='x'>")
    if site.kind == "CodeableConcept" and not site.row.many:
        yield _put({"text": "chỉ có chữ"})
        yield _put({"coding": [{"system": systems.DATA_ABSENT, "code": "unknown"}]})


def _put(value: Any) -> Mutation:
    def mutate(site: Site) -> None:
        site.put(deepcopy(value))

    return mutate


def _reorder(site: Site) -> None:
    site.holder[site.member] = site.holder.pop(site.member)


def _say_why(site: Site) -> None:
    del site.holder[site.member]
    site.holder[f"_{site.member}"] = absent()


def _say_nothing(site: Site) -> None:
    del site.holder[site.member]
    site.holder[f"_{site.member}"] = {}


def _wrap(site: Site) -> None:
    site.put([site.value])


def _unwrap(site: Site) -> None:
    site.put(site.value[0])


def _sibling(site: Site) -> None:
    site.holder["unknownElement"] = "x"


def _inside(site: Site) -> None:
    site.value["modifierExtension"] = [{"url": "urn:x", "valueBoolean": True}]


def _too_many(high: int) -> Mutation:
    def mutate(site: Site) -> None:
        site.put([deepcopy(site.value[0]) for _ in range(high + 1)])

    return mutate
