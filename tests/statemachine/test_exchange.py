"""The short form of the state machine; the long one is ``make state-machine STEPS=…``."""

from collections.abc import Iterator

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.statemachine.machine import ExchangeMachine, Keys


@pytest.fixture(autouse=True)
def _keys() -> Iterator[None]:
    yield
    Keys.forget()


def test_the_exchange_does_what_the_dictionaries_say() -> None:
    run_state_machine_as_test(
        ExchangeMachine,
        settings=settings(
            max_examples=10,
            stateful_step_count=30,
            deadline=None,
            print_blob=True,
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
        ),
    )
