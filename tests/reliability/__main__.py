"""``python -m tests.reliability``: runs the harnesses one by one, then writes the report; 0 when all was green.

``--report-only`` writes it from what is in build/ already.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.reliability.gathering import gather
from tests.reliability.page import page

_ROOT: Final = Path(__file__).parents[2]


def _harnesses(given: argparse.Namespace) -> list[list[str]]:
    chaos = [
        ["tests.chaos", "--seed", str(given.seed + number), "--seconds", str(given.seconds)]
        for number in range(given.rounds)
    ]
    return [
        *chaos,
        ["tests.power_cut", "--images", str(given.images), "--seed", str(given.seed)],
        ["tests.statemachine", "--steps", str(given.steps), "--seed", str(given.seed)],
        [
            "tests.simulation",
            "--seeds",
            f"{given.seed}-{given.seed + given.simulated - 1}",
            "--sites",
            str(given.sites),
            "--hours",
            str(given.hours),
        ],
    ]


def _arguments() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    arguments.add_argument("--report-only", action="store_true")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--rounds", type=int, default=3, help="of chaos")
    arguments.add_argument("--seconds", type=float, default=120, help="of faults in each round")
    arguments.add_argument("--images", type=int, default=60_000)
    arguments.add_argument("--steps", type=int, default=20_000, help="of the state machine")
    arguments.add_argument("--simulated", type=int, default=5, help="seeds of the simulation")
    arguments.add_argument("--sites", type=int, default=4, help="of the simulation")
    arguments.add_argument("--hours", type=float, default=6, help="simulated, for each seed")
    return arguments.parse_args()


def main() -> int:
    """The number of harnesses that were red."""
    given, red = _arguments(), []
    for command in [] if given.report_only else _harnesses(given):
        print(" ".join(command), flush=True)
        if subprocess.run([sys.executable, "-m", *command], cwd=_ROOT, check=False).returncode != 0:
            red.append(" ".join(command))
    document = gather(_ROOT / "build")
    docs = _ROOT / "docs"
    (docs / "reliability.json").write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")
    (docs / "reliability.md").write_text(page(document), "utf-8")
    for one in red:
        print(f"đỏ / red: {one}")
    return len(red)


if __name__ == "__main__":
    sys.exit(main())
