"""The verdict as a table for people and as JSON for the report."""

from typing import Any

from tests.judge.reading import Run
from tests.judge.verdict import TITLES, Outcome, Verdict

_MARKS = {Outcome.PASS: "pass", Outcome.FAIL: "FAIL", Outcome.INCONCLUSIVE: "inconclusive"}
_SHOWN = 5  # counter-examples in the JSON; the first is what one looks at


def as_json(run: Run, verdict: Verdict) -> dict[str, Any]:
    """Everything that the report of a run needs."""
    return {
        "green": verdict.green,
        "run": {name: run.facts.get(name) for name in ("commit", "seed", "machine", "started_at", "ended_at")},
        "counts": counts(run),
        "invariants": [
            {
                "name": one.name,
                "says": TITLES[one.name],
                "outcome": one.outcome.value,
                "seen": one.seen,
                "first": one.first,
                "against": one.against[:_SHOWN],
                "unclear": one.unclear[:_SHOWN],
                "how_many": len(one.against),
            }
            for one in verdict.invariants.values()
        ],
    }


def counts(run: Run) -> dict[str, int]:
    """How much was looked at."""
    return {
        "intents": len(run.intents),
        "messages_sent": len(run.believed),
        "handed_over": len({(one.facility, one.key) for one in run.handed_over if one.taken}),
        "hand_over_attempts": len(run.handed_over),
        "records": sum(len(records) for records in run.topics.values()),
        "audit_leaves": len(run.leaves),
        "faults": len(run.faults),
    }


def as_table(run: Run, verdict: Verdict) -> str:
    """One line for each invariant, and under a red one why."""
    lines = []
    for one in verdict.invariants.values():
        lines.append(f"{_MARKS[one.outcome]:<13}{one.name:<10}{one.seen:>8}  {TITLES[one.name]}")
        if one.outcome is not Outcome.PASS:
            more = f"  (and {len(one.against) - 1} more)" if len(one.against) > 1 else ""
            lines.append(f"{'':<33}{one.first}{more}")
    lines.append("")
    lines.append("  ".join(f"{name.replace('_', ' ')} {count}" for name, count in counts(run).items()))
    lines.append("GREEN" if verdict.green else f"RED: {', '.join(name for name in TITLES if name in verdict.red)}")
    return "\n".join(lines)
