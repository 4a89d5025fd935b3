"""All laws in order."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tests.judge.audit import judge_audit
from tests.judge.conservation import judge_conservation
from tests.judge.contents import judge_contents
from tests.judge.coverage import judge_inputs, judge_run
from tests.judge.database import judge_database
from tests.judge.doubles import judge_answers, judge_effects
from tests.judge.handing_over import judge_hand_over
from tests.judge.opened import Opened, open_all
from tests.judge.order import judge_order
from tests.judge.reading import Run, read
from tests.judge.states import judge_states
from tests.judge.verdict import Verdict

_LAWS: Final[Mapping[str, Callable[[Run, Opened, Verdict], None]]] = {
    "I1": judge_conservation,
    "I2": judge_effects,
    "I3": judge_contents,
    "I4": judge_answers,
    "I5": judge_hand_over,
    "I6": judge_database,
    "I7": judge_order,
    "I8": judge_states,
    "I14": judge_audit,
}


def judge(folder: Path) -> tuple[Run, Verdict]:
    """Reads a run folder and judges it. What is malformed in it is part of the verdict."""
    run, verdict = read(folder), Verdict()
    judge_inputs(run, verdict)
    judge_run(run, verdict)
    opened = open_all(run, verdict)
    for name, law in _LAWS.items():
        try:
            law(run, opened, verdict)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            verdict[name].cannot_tell(f"could not be judged: {type(error).__name__} {error}")
    return run, verdict
