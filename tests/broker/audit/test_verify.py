"""An export against checkpoints: the honest one passes, and of every forgery the first bad leaf is named."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.audit.checkpoint import sign_checkpoint
from broker.audit.entry import AuditEntry, leaf_hash
from broker.audit.export import AUDITOR, NumberedEntry
from broker.audit.merkle import EMPTY_ROOT, root_of
from broker.audit.note import NoteSigner, NoteVerifier, split_notes
from broker.audit.verify import AuditFaultError, first_difference, verify_export
from tests.broker.audit.logs import FACILITIES, ORIGIN, SIGNER, checkpoints, entry, exported, numbered

SIZE = 23
LOG = numbered(SIZE)
NOTES = checkpoints(LOG, 4, 9, SIZE)
ROOT = root_of(bytes.fromhex(item.entry.leaf_hash) for item in LOG)


def _fault(lines: list[bytes], notes: list[bytes] | None = None) -> AuditFaultError:
    with pytest.raises(AuditFaultError) as caught:
        verify_export(lines, NOTES if notes is None else notes, SIGNER.verifier)
    return caught.value


def _changed(line: bytes, change: Callable[[dict[str, object]], object]) -> bytes:
    members = json.loads(line)
    change(members)
    return json.dumps(members).encode() + b"\n"


def test_the_auditor_sees_all_and_the_root_is_right() -> None:
    report = verify_export(exported(LOG), reversed(NOTES), SIGNER.verifier)
    assert (report.log, report.reader, report.size, report.root) == (ORIGIN, AUDITOR, SIZE, ROOT)
    assert (report.opened, report.covered, report.checkpoints) == (SIZE, SIZE, (4, 9, SIZE))
    assert report.actions == {"message-accepted": SIZE}


@pytest.mark.parametrize("facility", FACILITIES)
def test_a_facility_opens_its_own_and_computes_the_same_root(facility: str) -> None:
    lines = exported(LOG, facility)
    report = verify_export(lines, NOTES, SIGNER.verifier)
    own = [item for item in LOG if facility in item.parties]
    assert (report.reader, report.root, report.opened) == (facility, ROOT, len(own))
    assert 0 < len(own) < SIZE
    for item, line in zip(LOG, lines[1:], strict=True):
        shown = {"index", "leaf", "salt", "entry"} if facility in item.parties else {"index", "leaf"}
        assert json.loads(line).keys() == shown


def test_a_reader_without_entries_opens_none() -> None:
    assert verify_export(exported(LOG, "99999"), NOTES, SIGNER.verifier).opened == 0


def test_an_empty_log() -> None:
    report = verify_export(exported([]), [sign_checkpoint(0, EMPTY_ROOT, SIGNER)], SIGNER.verifier)
    assert (report.size, report.root, report.checkpoints) == (0, EMPTY_ROOT, (0,))


def test_files_as_the_command_line_reads_them(tmp_path: Path) -> None:
    export, heads = tmp_path / "audit.jsonl", tmp_path / "checkpoints.txt"
    export.write_bytes(b"".join(exported(LOG)))
    heads.write_bytes(b"".join(NOTES))
    with export.open("rb") as lines:
        report = verify_export(
            lines, split_notes(heads.read_bytes()), NoteVerifier.decode(SIGNER.verifier.encode() + "\n")
        )
    assert report.root == ROOT


# --- forgeries of the export ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [0, 4, 11, SIZE - 1])
def test_an_edited_entry_is_named(index: int) -> None:
    lines = exported(LOG)
    lines[index + 1] = lines[index + 1].replace(b"accepted", b"refused")
    fault = _fault(lines)
    assert (fault.why, fault.first_bad) == ("an entry does not have the hash of its leaf", index)


@pytest.mark.parametrize(("index", "low", "high"), [(0, 0, 3), (3, 0, 3), (4, 4, 8), (9, 9, 22), (22, 9, 22)])
def test_a_rewritten_leaf_is_bounded_by_checkpoints_and_named_by_another_export(
    index: int, low: int, high: int
) -> None:
    forged = [*LOG[:index], NumberedEntry(index, entry(1000), FACILITIES), *LOG[index + 1 :]]
    fault = _fault(exported(forged))
    assert (fault.first_bad, fault.last_bad) == (low, high)
    assert first_difference(exported(forged), exported(LOG, "24Z01")) == index


@given(data=st.data())
@settings(deadline=None)
def test_exchanged_leaves_are_found(data: st.DataObject) -> None:
    one, other = data.draw(st.lists(st.integers(0, SIZE - 1), min_size=2, max_size=2, unique=True))
    forged = list(LOG)
    forged[one] = NumberedEntry(one, LOG[other].entry, LOG[other].parties)
    forged[other] = NumberedEntry(other, LOG[one].entry, LOG[one].parties)
    fault = _fault(exported(forged))
    assert fault.first_bad is not None
    assert fault.last_bad is not None
    assert fault.first_bad <= min(one, other) <= fault.last_bad


@pytest.mark.parametrize("index", [0, 7, SIZE - 1])
def test_a_missing_leaf_is_named(index: int) -> None:
    lines = exported(LOG)
    del lines[index + 1]
    assert _fault(lines).first_bad == index


def test_a_missing_leaf_with_new_numbers_is_found() -> None:
    forged = [NumberedEntry(n, item.entry, item.parties) for n, item in enumerate(LOG[:5] + LOG[6:])]
    fault = _fault(exported(forged))
    assert (fault.first_bad, fault.last_bad) == (4, 8)


def test_a_cut_export_does_not_reach_its_checkpoints() -> None:
    fault = _fault(exported(LOG[:15]))
    assert (fault.why, fault.first_bad) == ("the export ends too early", 15)
    assert _fault(exported(LOG)[:10]).why == "the export ends too early"


def test_an_added_leaf_is_named() -> None:
    lines = exported(LOG)
    extra = exported(numbered(SIZE + 1))[-1]
    assert _fault([*lines, extra]).first_bad == SIZE
    fault = _fault(exported(numbered(SIZE + 2)))
    assert (fault.first_bad, fault.last_bad) == (SIZE, SIZE + 1)
    grown = verify_export(exported(numbered(SIZE + 2)), NOTES, SIGNER.verifier, allow_uncovered=True)
    assert (grown.size, grown.covered) == (SIZE + 2, SIZE)


def test_one_entry_under_two_numbers_is_a_fault_even_when_signed() -> None:
    forged = [*LOG, NumberedEntry(SIZE, LOG[3].entry, ())]
    fault = _fault(exported(forged), checkpoints(forged, len(forged)))
    assert (fault.why, fault.first_bad) == ("one entry has two numbers", SIZE)


def test_an_entry_that_is_not_of_the_closed_form_is_a_fault_even_when_signed() -> None:
    bad = b'{"action":"message-accepted","at":"2026-11-22T09:00:00.000Z","patient":"x","v":1}'
    forged = [*LOG[:2], NumberedEntry(2, AuditEntry(bad, leaf_hash(bad, bytes(32)).hex(), bytes(32)), ())]
    fault = _fault(exported(forged), checkpoints(forged, 3))
    assert (fault.why, fault.first_bad) == ("an entry is not of the closed form", 2)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.update(index=99),
        lambda m: m.update(index="5"),
        lambda m: m.update(more=1),
        lambda m: m.pop("salt"),
        lambda m: m.pop("leaf"),
        lambda m: m.update(leaf=m["leaf"].upper()),
        lambda m: m.update(leaf=m["leaf"][:-2]),
        lambda m: m.update(leaf="zz" * 32),
        lambda m: m.update(leaf=None),
        lambda m: m.update(salt="00"),
        lambda m: m.update(entry=5),
    ],
)
def test_malformed_lines_are_named(change: Callable[[dict[str, object]], object]) -> None:
    lines = exported(LOG)
    lines[6] = _changed(lines[6], change)
    assert _fault(lines).first_bad == 5


@pytest.mark.parametrize(
    "line", [b"", b"\n", b"[]\n", b"null\n", b"{", b"\xff\n", b'{"a":' * 50, b'"' + b"x" * 20_000 + b'"']
)
def test_lines_that_are_no_object(line: bytes) -> None:
    lines = exported(LOG)
    lines[6] = line
    assert _fault(lines).first_bad == 5
    assert _fault([line, *lines[1:]]).first_bad is None


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.update(format="other"),
        lambda m: m.update(version=2),
        lambda m: m.update(log="lienvien/other/audit"),
        lambda m: m.update(size="23"),
        lambda m: m.update(reader=1),
        lambda m: m.pop("reader"),
    ],
)
def test_another_first_line(change: Callable[[dict[str, object]], object]) -> None:
    lines = exported(LOG)
    assert _fault([_changed(lines[0], change), *lines[1:]]).first_bad is None


def test_nothing_is_no_export() -> None:
    assert "first line" in _fault([]).why or "JSON" in _fault([]).why


# --- forgeries of the checkpoints ----------------------------------------------------------------------------------


def test_two_roots_for_one_size_are_two_histories() -> None:
    fork = checkpoints([NumberedEntry(0, entry(77), ()), *LOG[1:]], 9)
    assert "two histories" in _fault(exported(LOG), [*NOTES, *fork]).why


def test_checkpoints_of_another_key_or_none_are_not_accepted() -> None:
    stranger = NoteSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"s" * 32))
    note = sign_checkpoint(SIZE, ROOT, stranger)
    assert "not signed by this key" in _fault(exported(LOG), [note]).why
    assert "no checkpoint" in _fault(exported(LOG), []).why
    assert "not accepted" in _fault(exported(LOG), [b"rubbish"]).why


def test_a_checkpoint_ahead_of_the_export_means_that_leaves_are_held_back() -> None:
    more = numbered(SIZE + 3)
    fault = _fault(exported(LOG), checkpoints(more, SIZE, SIZE + 3))
    assert (fault.why, fault.first_bad) == ("the export ends too early", SIZE)


# --- comparing two exports -----------------------------------------------------------------------------------------


def test_exports_of_one_log_do_not_differ_whatever_they_open() -> None:
    assert first_difference(exported(LOG), exported(LOG, "24Z01")) is None
    assert first_difference(exported(LOG), exported(LOG[:7], "01001")) is None


def test_fault_text_names_leaves() -> None:
    assert str(AuditFaultError("why")) == "why"
    assert str(AuditFaultError("why", 3)) == "why (leaf 3)"
    assert str(AuditFaultError("why", 3, 9)) == "why (leaf 3 to 9)"
