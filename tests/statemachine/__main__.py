"""The long form: ``python -m tests.statemachine --steps 100000 [--seed 1]``. Ends with figures, or with a fault."""

import argparse
import json
import logging
import random
import time
from pathlib import Path

import structlog
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.statemachine.machine import ExchangeMachine, Keys

PER_EXAMPLE = 50
RESULT = Path(__file__).parents[2] / "build" / "state-machine.json"  # only of a run that found nothing


def main() -> None:
    """Run about so many steps and say what occurred in them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument(
        "--shrink", action="store_true", help="look for the shortest form of a fault, which takes minutes"
    )
    given = parser.parse_args()
    number = given.seed if given.seed is not None else random.SystemRandom().randrange(2**32)
    print(f"seed {number}", flush=True)
    chosen = settings(
        max_examples=max(1, given.steps // PER_EXAMPLE),
        stateful_step_count=PER_EXAMPLE,
        deadline=None,
        database=None,
        phases=[Phase.generate, *([Phase.shrink] if given.shrink else [])],
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    began = time.monotonic()
    RESULT.unlink(missing_ok=True)
    try:
        run_state_machine_as_test(seed(number)(ExchangeMachine), settings=chosen)
    finally:
        Keys.forget()
    steps, seconds = ExchangeMachine.steps, time.monotonic() - began
    print(f"steps {steps}, {seconds:.0f} s, {steps / seconds:.0f} a second")
    seen = dict(sorted(ExchangeMachine.seen.items()))
    for what, count in seen.items():
        print(f"{count:>8}  {what}")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps({"seed": number, "steps": steps, "seconds": round(seconds), "seen": seen}), "utf-8")


if __name__ == "__main__":
    main()
