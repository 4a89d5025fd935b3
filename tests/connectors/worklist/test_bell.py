"""The bell: once for each new emergency, never for what is still being read."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connectors.worklist.bell import Bell


def heard(*ringing: str, caught_up: bool = True, since: str = "10:00") -> dict[str, Any]:
    return {"link": {"caught_up": caught_up, "since": since}, "ringing": list(ringing)}


def test_each_emergency_rings_once() -> None:
    bell = Bell()
    assert bell.hear(heard("a")) == ["a"]
    assert bell.hear(heard("a")) == []
    assert bell.hear(heard("a", "b")) == ["b"]
    assert bell.hear(heard()) == []
    assert bell.hear(heard("a", "b")) == []


def test_nothing_rings_while_the_inbox_is_read_and_what_is_still_open_then_rings_once() -> None:
    bell = Bell()
    assert bell.hear(heard("old", "live", caught_up=False)) == []
    assert bell.hear(heard("live", caught_up=False)) == []
    assert bell.hear(heard("live")) == ["live"], "old was over before the head was reached"


def test_a_gap_after_the_head_was_reached_does_not_silence_it() -> None:
    bell = Bell()
    bell.hear(heard())
    assert bell.hear(heard("a", caught_up=False)) == ["a"]


def test_a_new_connection_is_read_to_its_head_before_anything_rings() -> None:
    bell = Bell()
    bell.hear(heard())
    assert bell.hear(heard("a", caught_up=False, since="11:00")) == []
    assert bell.hear(heard("a", since="11:00")) == ["a"]


boards = st.builds(
    lambda ringing, caught_up, since: heard(*sorted(ringing), caught_up=caught_up, since=since),
    st.sets(st.sampled_from("abcd")),
    st.booleans(),
    st.sampled_from(["10:00", "11:00"]),
)


@given(st.lists(boards, max_size=20))
def test_never_twice_and_never_unasked(said: list[dict[str, Any]]) -> None:
    bell, rung = Bell(), []
    for one in said:
        now = bell.hear(one)
        assert set(now) <= set(one["ringing"])
        rung += now
        if one["link"]["caught_up"]:
            assert set(one["ringing"]) <= set(rung), "at the head nothing stays unheard"
    assert len(rung) == len(set(rung))
