"""``python -m tests.simulation --seed 7`` or ``--seeds 1-100 [--sites 20 --hours 96]``; kept seeds run first."""

import argparse
import json
import logging
import sys
from collections import Counter
from pathlib import Path

import structlog

from tests.simulation.run import Size, run_seed

KEPT = Path(__file__).with_name("seeds.txt")
RESULT = Path(__file__).parents[2] / "build" / "simulation.json"


def kept_seeds() -> list[int]:
    """Seeds that have shown a fault once."""
    return [int(line.split()[0]) for line in KEPT.read_text(encoding="utf-8").splitlines() if line[:1].isdigit()]


def main() -> int:
    """Run seeds, say what each gave, and end with 1 when any found a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--seeds", default="")
    parser.add_argument("--sites", type=int, default=Size.sites)
    parser.add_argument("--hours", type=float, default=Size.hours)
    parser.add_argument("--slips", type=int, default=Size.slips)
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)
    seeds = [given.seed] if given.seed is not None else kept_seeds()
    if given.seeds:
        first, _, last = given.seeds.partition("-")
        seeds += range(int(first), int(last or first) + 1)
    size, total, bad = Size(given.sites, given.hours, given.slips), Counter[str](), 0
    for seed in dict.fromkeys(seeds):
        outcome = run_seed(seed, size)
        total += outcome.counts
        bad += bool(outcome.faults)
        verdict = "ok" if not outcome.faults else f"{len(outcome.faults)} FAULTS"
        print(f"seed {seed}: {outcome.digest} {outcome.seconds:.1f} s, {verdict}", flush=True)
        for fault in outcome.faults[:10]:
            print(f"    {fault}")
    print(f"{len(set(seeds))} seeds of {size.sites} sites and {size.hours:g} hours; with faults found: {bad}")
    for what, count in sorted(total.items()):
        print(f"{count:>8}  {what}")
    RESULT.parent.mkdir(exist_ok=True)
    told = {"seeds": len(set(seeds)), "sites": size.sites, "hours": size.hours, "faulty": bad, "seen": dict(total)}
    RESULT.write_text(json.dumps(told), "utf-8")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
