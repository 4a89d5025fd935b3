"""A busy machine is no failure."""

from hypothesis import HealthCheck, settings

DEFAULT = settings.default  # as a test module finds it when it is imported


def test_generated_examples_have_no_time_limit_of_their_own() -> None:
    """200 ms an example, Hypothesis' own default, is the machine's fault when something else runs beside it."""
    assert DEFAULT is not None
    assert DEFAULT.deadline is None
    assert HealthCheck.too_slow in DEFAULT.suppress_health_check
