"""Everything that a page can show has its words, in both languages, and they differ."""

from collections.abc import Mapping
from enum import StrEnum

import pytest

from broker.api import words as of_exchange
from broker.queries.views import Stage
from connectors.worklist import words as of_worklist
from schemas import words
from schemas.lifecycle import Decision
from schemas.urgency import Priority
from schemas.words import Phrase

TABLES = {
    f"{module.__name__}.{name}": table
    for module in (words, of_exchange, of_worklist)
    for name, table in vars(module).items()
    if isinstance(table, Mapping) and name.isupper() and name != "NAMES" and isinstance(next(iter(table)), StrEnum)
}


def test_there_are_words_for_every_kind_of_thing() -> None:
    assert {name.rpartition(".")[2] for name in TABLES} == {
        *("DECISIONS", "JOURNEYS", "PRIORITIES", "KINDS", "FIXERS"),  # everybody reads these
        *("STAGES", "LAST_PROVEN", "DELIVERIES", "LOOPS", "HANDED_ON", "SITUATIONS", "CAUSES", "VERDICTS", "ACKS"),
        *("EVENTS", "OUT_STATES", "TROUBLES"),
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
        words.words(Priority, {Priority.STAT: ("Cấp cứu", "stat")})


def test_no_text_about_a_decision_implies_permission_to_drive() -> None:
    declined = words.DECISIONS[Decision.DECLINED]
    assert "may still come" in declined.en
    assert "vẫn có thể đến" in declined.vi


def test_a_delivery_does_not_read_like_a_persons_act() -> None:
    assert "nobody has looked" in of_exchange.LAST_PROVEN[Stage.DELIVERED].en
    assert "chưa ai mở xem" in of_exchange.LAST_PROVEN[Stage.DELIVERED].vi
