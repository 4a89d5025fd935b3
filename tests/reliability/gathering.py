"""From what the harnesses left in ``build/`` to one document. What is not there is missing, never assumed."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

RULE_OF_THREE: Final = 3.0  # nothing found in N tries: with 95 % confidence the rate is below 3 / N
CRASH_IMAGES: Final = "crash-images.json"
STATE_MACHINE: Final = "state-machine.json"
SIMULATION: Final = "simulation.json"
MUTANTS: Final = "mutants.json"
# Which invariant a reader knows by which word; each is judged in every round.
LOST: Final = "I1"
DOUBLED: Final = "I2"
OUT_OF_ORDER: Final = "I7"


def gather(build: Path) -> dict[str, Any]:
    """The document. Raises ValueError for a round whose verdict cannot be read."""
    rounds = [_round(folder) for folder in sorted((build / "chaos").glob("*")) if (folder / "verdict.json").exists()]
    return {
        "chaos": {
            "rounds": rounds,
            "transfers": sum(one["counts"]["messages_sent"] for one in rounds),
            "records": sum(one["counts"]["records"] for one in rounds),
            "audit_leaves": sum(one["counts"]["audit_leaves"] for one in rounds),
            "against": {name: _against(rounds, name) for name in (LOST, DOUBLED, OUT_OF_ORDER)},
            "faults": _summed(one["faults"] for one in rounds),
            "failpoints": _summed(one["failpoints"] for one in rounds),
            "situations": _summed(one["situations"] for one in rounds),
            "ended": _summed(one["restarts"] for one in rounds),
        },
        "crash_images": _read(build / CRASH_IMAGES),
        "state_machine": _read(build / STATE_MACHINE),
        "simulation": _read(build / SIMULATION),
        "mutants": _read(build / MUTANTS),
    }


def upper_bound(tries: int) -> float | None:
    """The rate that nothing found in so many tries allows, at 95 %; None without any."""
    return RULE_OF_THREE / tries if tries else None


def _round(folder: Path) -> dict[str, Any]:
    run, verdict = json.loads((folder / "run.json").read_text("utf-8")), _read(folder / "verdict.json")
    if verdict is None:
        raise ValueError(folder.name)
    return {
        "commit": run["commit"],
        "seed": run["seed"],
        "machine": run["machine"],
        "started_at": run["started_at"],
        "faults_ended_at": run["faults_ended_at"],
        "ended_at": run["ended_at"],
        "connectors": len(run["facilities"]),
        "green": verdict["green"],
        "counts": verdict["counts"],
        "red": [one["name"] for one in verdict["invariants"] if one["outcome"] != "pass"],
        "against": {one["name"]: one["how_many"] for one in verdict["invariants"]},
        "faults": run["faults"],
        "failpoints": run["failpoints"],
        "situations": run["situations"],
        "restarts": run.get("restarts", {}),
    }


def _against(rounds: Iterable[Mapping[str, Any]], invariant: str) -> int:
    return sum(one["against"].get(invariant, 0) for one in rounds)


def _summed(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return dict(sorted(total.items()))


def _read(file: Path) -> dict[str, Any] | None:
    if not file.exists():
        return None
    try:
        found = json.loads(file.read_text("utf-8"))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
