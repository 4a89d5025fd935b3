"""The Bundles that travel: built once per pair of hospitals by the connector's own mapping, then varied in ids, slip
number, record number and name, so that no two have the same content.

Two sizes: a slip alone with the form as text (about 35 KB sealed), and a full record with laboratory, notes and the
printed form as PDF, which is what a connector sends.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from uuid import UUID, uuid4

from connectors.form.content import FormContent
from connectors.mapping.assemble import assemble
from connectors.mapping.context import Attachment, Identity, LegalGround
from connectors.preparing import Desk, plain_rendition, prepare, rendition, sides_of
from connectors.sources.directory import read_directory
from connectors.sources.reading import read_file
from connectors.sources.xml13.dates import VIETNAM
from lienvien.demo_exports.cases import CASES, DemoCase
from lienvien.demo_exports.envelope import slip_number, slip_values, transfer_file
from schemas.codes.lists import LegalBasis
from schemas.ids import case_code

_SERIAL = 1
_COUNTER = 987_654_321  # stands in the template where the record's own number goes
_MARK = "QQQQQ"
_PLACEHOLDERS = tuple(UUID(int=0xBE9C0000_0000_4000_8000_000000000000 + number) for number in range(4))
_NAME_LETTERS = "ABCDEGHIKLMNOPRSTUVXY"
_SHORT = replace(CASES[4], other_icd="", drugs="", with_tables=False)
_FULL = CASES[0]


@dataclass(frozen=True)
class Recipe:
    """What every process needs to build the same templates."""

    register_csv: bytes
    now: datetime
    pdf: bytes | None = None  # with it, full records; without, short ones


@lru_cache(maxsize=1024)
def _template(recipe: Recipe, sender: str, destination: str) -> tuple[bytes, Mapping[str, str]]:
    now = recipe.now.astimezone(VIETNAM)
    case = _case(recipe, sender, destination)
    read = read_file(transfer_file(case, now), "bench.xml", read_directory(recipe.register_csv), sender, recipe.now)
    (examined,) = read.slips
    dossier = examined.dossier
    code = case_code(sender, now.date(), _SERIAL)
    sides = sides_of(dossier, read_directory(recipe.register_csv), now)
    desk = Desk((LegalGround(LegalBasis.LAW, "đo tốc độ"), LegalGround(LegalBasis.EMERGENCY, "đo tốc độ")), "bench")
    prepared = prepare(dossier, sides, desk, _identity(code), new_id=lambda: str(uuid4()), now=recipe.now)
    context = replace(prepared.context, attachments=(_form(recipe),))
    found = {"code": code, "slip": slip_number(case, now), "record": slip_values(case, now)["MA_LK"]}
    return assemble(dossier, context).data, found


def _identity(code: str) -> Identity:
    message_id, bundle_id, case_id, transfer_id = (str(one) for one in _PLACEHOLDERS)
    return Identity(message_id, bundle_id, case_id, transfer_id, code, str(uuid4()), _COUNTER)


def _case(recipe: Recipe, sender: str, destination: str) -> DemoCase:
    base = _FULL if recipe.pdf else _SHORT
    return replace(base, serial=_SERIAL, sender=sender, destination=destination, name=f"NGUYỄN THỊ MẪU {_MARK}")


def _form(recipe: Recipe) -> Attachment:
    return rendition(recipe.pdf) if recipe.pdf else plain_rendition("Bản chữ của phiếu, đo tốc độ".encode())


def form_texts(recipe: Recipe, sender: str, destination: str) -> FormContent:
    """What the printed form of a full record says."""
    now = recipe.now.astimezone(VIETNAM)
    file = transfer_file(replace(_FULL, sender=sender, destination=destination), now)
    directory = read_directory(recipe.register_csv)
    dossier = read_file(file, "bench.xml", directory, sender, recipe.now).slips[0].dossier
    desk = Desk((LegalGround(LegalBasis.EMERGENCY, "đo tốc độ"),), "bench")
    ids = _identity(case_code(sender, now.date(), _SERIAL))
    sides = sides_of(dossier, directory, now)
    return prepare(dossier, sides, desk, ids, new_id=lambda: str(uuid4()), now=recipe.now).form


def bundle(recipe: Recipe, sender: str, destination: str, number: int) -> bytes:
    """The Bundle with this number."""
    data, places = _template(recipe, sender, destination)
    changes = [(str(one), str(uuid4())) for one in _PLACEHOLDERS]
    changes += [
        (f'"valuePositiveInt":{_COUNTER}', f'"valuePositiveInt":{number + 1}'),
        (places["code"], case_code(sender, recipe.now.astimezone(VIETNAM).date(), number % 999 + 1)),
        (places["slip"], f"{places['slip']}{number:06d}"),
        (places["record"], f"{places['record']}{number:06d}"),
        (_MARK, _name(number)),
    ]
    for old, new in changes:
        if old.encode() not in data:
            raise LookupError(f"the template does not hold {old}")
        data = data.replace(old.encode(), new.encode())
    return data


def _name(number: int) -> str:
    """Five letters, another five for each number."""
    letters = []
    for _ in _MARK:
        number, letter = divmod(number, len(_NAME_LETTERS))
        letters.append(_NAME_LETTERS[letter])
    return "".join(letters)
