"""Every mistake turns exactly its invariant red, and the counter-example names it."""

from pathlib import Path

import pytest

from tests.judge.honest import finish, honest_story
from tests.judge.judging import judge
from tests.judge.mistakes import MISTAKES, Mistake, repeated_in_peace, unanswered


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_the_mistake_is_found(mistake: Mistake, tmp_path: Path) -> None:
    story = honest_story()
    named = "" if mistake.late else mistake.change(story)
    scene = finish(story)
    if mistake.late:
        named = mistake.change(story)
    _, verdict = judge(scene.write(tmp_path / "run"))
    found = {name: verdict[name].first for name in verdict.red}
    assert set(found) == mistake.red, found
    assert any(named in words for words in found.values()), found


def test_a_hand_over_that_its_receiver_noted_as_unanswered_may_be_repeated(tmp_path: Path) -> None:
    story = honest_story()
    repeated_in_peace(story)
    unanswered(story, story.departed.message_id)
    _, verdict = judge(finish(story).write(tmp_path / "run"))
    assert verdict.green, verdict.red
