"""Is the folder whole, and did the run do what it set out to do? A run without faults proves nothing about faults."""

from collections import Counter
from typing import Any

from tests.judge.reading import MAY_BE_EMPTY, TABLES, Run, moment
from tests.judge.verdict import Invariant, Verdict


def judge_inputs(run: Run, verdict: Verdict) -> None:
    """Everything there, readable, and to its end."""
    law = verdict["inputs"]
    for problem in run.problems:
        law.cannot_tell(problem)
    if not any(one.taken for one in run.handed_over):
        law.cannot_tell("receiver/: no HIS took anything")
    for name, content in (("sender/", run.intents), ("believed/", run.believed), ("faults.jsonl", run.faults)):
        if not content:
            law.cannot_tell(f"{name}: empty")
    for code in run.facilities:
        if any(one.facility == code for one in run.intents) and not any(one.facility == code for one in run.believed):
            law.cannot_tell(f"believed/{code}.jsonl: empty, though {code} intended to send")
    for table in TABLES:
        if table not in MAY_BE_EMPTY and not run.rows(table):
            law.cannot_tell(f"database/{table}.jsonl: empty")
    _dumps(run, law)


def _dumps(run: Run, law: Invariant) -> None:
    """Offsets without a gap, up to where Kafka, the read position or the inbox counter says the topic reaches."""
    positions = {row["topic"]: row["next_offset"] for row in run.rows("source_position")}
    through = {f"xfer.inbox.{row['destination']}": row["published_through"] for row in run.rows("inbox_counter")}
    for topic, records in run.topics.items():
        name = f"topics/{topic}.jsonl"
        low, high = run.ends.get(topic, (records[0].offset if records else 0, 0))
        expected = range(low, low + len(records))
        gap = next((r for r, offset in zip(records, expected, strict=True) if r.offset != offset), None)
        law.see(gap is None, f"{topic}: the dump jumps to {gap.offset if gap else 0}", gap.place if gap else name)
        end = records[-1].offset + 1 if records else 0
        reach = max(high, positions.get(topic, 0))
        law.see(end >= reach, f"{topic}: the dump ends at {end}, the topic at {reach}", f"{name}:{len(records)}")
        numbered = sum(1 for record in records if record.record_type != "head")
        enough = numbered >= through.get(topic, 0)
        text = f"{topic}: {numbered} records in the dump, {through.get(topic, 0)} published"
        law.see(enough, text, f"{name}:{len(records)}")


def judge_run(run: Run, verdict: Verdict) -> None:
    """Each kind of fault, each failpoint and each situation as often as was promised."""
    law = verdict["run"]
    minimums = run.facts.get("minimums")
    if not isinstance(minimums, dict):
        law.cannot_tell("run.json: minimums: missing")
        return
    done = Counter(fault.kind for fault in run.faults)
    hits, seen = run.facts.get("failpoints"), run.facts.get("situations")
    _reached(minimums.get("faults"), dict(done), "fault", law)
    _reached(minimums.get("failpoints"), hits, "failpoint", law, may_be_none=True)
    _reached(minimums.get("situations"), seen, "situation", law)
    for name in ("commit", "seed", "machine"):
        if run.facts.get(name) in (None, ""):
            law.cannot_tell(f"run.json: {name}: missing")
    _times(run, law)


def _reached(wanted: Any, reached: Any, what: str, law: Invariant, *, may_be_none: bool = False) -> None:
    if not isinstance(wanted, dict) or not isinstance(reached, dict) or not (wanted or may_be_none):
        law.cannot_tell(f"run.json: {what}s: nothing is promised, or nothing counted")
        return
    for name, least in wanted.items():
        if type(least) is not int or least < 1:
            law.cannot_tell(f"run.json: {what} {name}: a minimum of {least} promises nothing")
            continue
        count = reached.get(name, 0)
        law.see(count >= least, f"{what} {name}: {count} times, at least {least} were promised", "run.json")


def _times(run: Run, law: Invariant) -> None:
    """Faults lie within the run, and the run went on after them."""
    try:
        began, calm, ended = (
            moment(str(run.facts.get(name))) for name in ("started_at", "faults_ended_at", "ended_at")
        )
    except ValueError:
        law.cannot_tell("run.json: started_at, faults_ended_at or ended_at: missing")
        return
    law.see(began <= calm <= ended, "the run did not begin, calm down and end in this order", "run.json")
    for fault in run.faults:
        law.see(
            began <= moment(fault.at) <= ended, f"fault {fault.kind} of {fault.target} outside the run", fault.place
        )
