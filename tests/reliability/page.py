"""The readable page. Every number on it comes from the document; what is missing is named as missing."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from tests.reliability.gathering import DOUBLED, LOST, OUT_OF_ORDER, upper_bound

_HEAD: Final = """# What was tried, and what was found

Made by `make reliability` from what the harnesses wrote down; `reliability.json` beside it holds the same and more. A
claim "0" is worth as much as the number of tries behind it: with nothing found in N tries the true rate may still be
3 / N (95 %). *Simulated* is said where it was.
"""

_NOT_TRIED: Final = """## What was not tried

- A real power cut and a disk that lies about flushing; three Kafka brokers losing the same records; a standby of
  PostgreSQL taking over; a wide area network; key devices. One machine with two processors cannot show them.
- Images of a power cut model one file system: data in any order between two flushes, a rename durable once its folder
  was flushed.
- The hospital's own software behind the last hand-over: it gets a stable key and a mark *possible duplicate*, not
  exactly one call.
- A skilled human attacker. The attack files in the tests are those that we thought of.
- Days on end: the longest run here is named above.
"""


def page(document: Mapping[str, Any]) -> str:
    """Markdown."""
    parts = [_HEAD, *_chaos(document["chaos"]), *_images(document["crash_images"])]
    parts += [*_machine(document["state_machine"]), *_simulation(document["simulation"])]
    return "\n".join([*parts, *_mutants(document["mutants"]), _NOT_TRIED])


def _chaos(chaos: Mapping[str, Any]) -> Iterator[str]:
    yield "## Real processes under real faults (`make chaos`)\n"
    if not chaos["rounds"]:
        yield "No round is on record.\n"
        return
    yield (
        "A real Kafka with mutual TLS, PostgreSQL, exchange workers and connectors as processes, a receiving HIS that\n"
        "is slow, silent, wrong or gone. `python -m tests.judge`, which shares no code with the product, reads what\n"
        "every party wrote down.\n"
    )
    tries = chaos["transfers"]
    yield _table(
        ("promise", "broken", "transfers judged", "may still be, per million"),
        [
            (words, chaos["against"][name], tries, _per_million(tries))
            for words, name in (("lost", LOST), ("doubled", DOUBLED), ("out of order", OUT_OF_ORDER))
        ],
    )
    yield _table(
        ("started", "seed", "commit", "connectors", "transfers", "records", "faults", "verdict"),
        [
            (
                one["started_at"][:19],
                one["seed"],
                one["commit"],
                one["connectors"],
                one["counts"]["messages_sent"],
                one["counts"]["records"],
                sum(one["faults"].values()),
                "green" if one["green"] else "RED: " + ", ".join(one["red"]),
            )
            for one in chaos["rounds"]
        ],
    )
    yield f"Machine: {'; '.join(sorted({one['machine'] for one in chaos['rounds']}))}.\n"
    yield _counts("Faults, by kind", chaos["faults"])
    yield _counts(
        "Passages of failpoints (lines of the crash order where a process can be told to die)", chaos["failpoints"]
    )
    yield _counts("Rare situations seen", chaos["situations"])
    yield _counts("How processes ended", chaos["ended"])


def _images(found: Mapping[str, Any] | None) -> Iterator[str]:
    yield "## Images of a power cut (`make crash-images`)\n"
    if found is None:
        yield "Not on record.\n"
        return
    bad = {name: found[name] for name in ("lost", "corrupt", "half", "invented")}
    bad["laws broken without a cut"] = len(found["laws_broken_without_a_cut"])
    yield (
        f"{found['images']:,} images of a disk after a power cut, {found['distinct']:,} of them different: "
        + ", ".join(f"{name} {count}" for name, count in bad.items())
        + f". With none found, at most {_per_million(found['images'])} per million.\n"
    )
    yield _table(
        ("written by", "images", "bad"),
        [(name, facts["images"], facts["bad"]) for name, facts in found["subjects"].items()],
    )
    yield _counts("Kinds", found["kinds"])


def _machine(found: Mapping[str, Any] | None) -> Iterator[str]:
    yield "## The exchange against dictionaries (`make state-machine`)\n"
    if found is None:
        yield "Not on record.\n"
        return
    yield f"{found['steps']:,} steps, seed {found['seed']}; after each, the store and the inboxes equal the model.\n"
    yield _counts("What occurred", found["seen"])


def _simulation(found: Mapping[str, Any] | None) -> Iterator[str]:
    yield "## Simulated time (`make simulation`)\n"
    if found is None:
        yield "Not on record.\n"
        return
    yield (
        f"{found['seeds']:,} seeds, {found['sites']} sites, {found['hours']:g} simulated hours each; "
        f"{found['faulty']} of them with a fault.\n"
    )
    yield _counts("What occurred", found["seen"])


def _mutants(found: Mapping[str, Any] | None) -> Iterator[str]:
    yield "## Mistakes put in on purpose (`make mutants`)\n"
    if found is None:
        yield "Not on record. The judge's own mistakes (`tests/judge/mistakes.py`) are tried by `make test`.\n"
        return
    yield f"{found['killed']} of {found['mutants']} killed.\n"
    yield _table(("mistake", "found by"), [(one["name"], one["killed_by"] or "**nobody**") for one in found["table"]])


def _counts(title: str, counts: Mapping[str, int]) -> str:
    if not counts:
        return f"{title}: none.\n"
    return f"{title}: " + ", ".join(f"{name} {count:,}" for name, count in counts.items()) + ".\n"


def _per_million(tries: int) -> str:
    bound = upper_bound(tries)
    return "–" if bound is None else f"{1e6 * bound:,.0f}" if bound >= 1e-5 else f"{1e6 * bound:.1f}"


def _table(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    names = list(head)
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += [
        "| " + " | ".join(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row) + " |" for row in rows
    ]
    return "\n".join(lines) + "\n"
