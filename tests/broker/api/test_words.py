"""Everything that a page can show has its words, in both languages, and they differ."""

from collections.abc import Mapping
from enum import StrEnum

import pytest

from broker.api import words
from schemas.words import Phrase

TABLES = {name: table for name, table in vars(words).items() if isinstance(table, Mapping) and not name.startswith("_")}


def test_there_are_words_for_every_kind_of_thing() -> None:
    assert set(TABLES) == {
        *(
            "STAGES",
            "LAST_PROVEN",
            "DECISIONS",
            "DELIVERIES",
            "JOURNEYS",
            "LOOPS",
            "PRIORITIES",
            "KINDS",
            "HANDED_ON",
            "SITUATIONS",
        ),
        *("CAUSES", "OWNERS", "EVENTS", "VERDICTS", "ACKS"),
    }


@pytest.mark.parametrize("name", TABLES)
def test_no_member_is_without_words_and_no_words_are_twice_the_same(name: str) -> None:
    table: Mapping[StrEnum, Phrase] = TABLES[name]
    kind = type(next(iter(table)))
    assert set(table) == set(kind)
    for phrase in table.values():
        assert phrase.vi.strip()
        assert phrase.en.strip()
        assert phrase.vi != phrase.en
        assert (phrase["vi"], phrase["en"]) == (phrase.vi, phrase.en)
    assert len({phrase.vi for phrase in table.values()}) == len(table), "two things with one name"
    assert len({phrase.en for phrase in table.values()}) == len(table), "two things with one name"


def test_a_table_with_a_gap_does_not_load() -> None:
    with pytest.raises(LookupError, match="Priority"):
        words._words(words.Priority, {words.Priority.STAT: ("Cấp cứu", "stat")})


def test_no_text_about_a_decision_implies_permission_to_drive() -> None:
    declined = words.DECISIONS[words.Decision.DECLINED]
    assert "may still come" in declined.en
    assert "vẫn có thể tới" in declined.vi


def test_a_delivery_does_not_read_like_a_persons_act() -> None:
    assert "nobody has looked" in words.LAST_PROVEN[words.Stage.DELIVERED].en
    assert "chưa ai mở xem" in words.LAST_PROVEN[words.Stage.DELIVERED].vi
