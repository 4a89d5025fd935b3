"""No value reaches a log line that the list of fields does not know, however it is smuggled in."""

import asyncio
import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from transport.log_fields import FIELDS, event_name, permitted
from transport.logs import (
    _LibraryHandler,
    _use_lines,
    configure_logging,
    describe_error,
    dropped_fields,
    get_logger,
    lost_lines,
)

CANARY = "NGUYỄN THỊ CHIM HOÀNG YẾN"
MESSAGE_ID = "0e4b1f0c-6a35-4a52-9d3c-1f2e3d4c5b6a"


@pytest.fixture
def output() -> Iterator[io.StringIO]:
    root, hooks = logging.getLogger(), (sys.excepthook, threading.excepthook, sys.unraisablehook)
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    configure_logging("exchange", "debug", stream)
    yield stream
    logging.captureWarnings(False)
    _use_lines("unnamed", logging.WARNING, None)
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(output: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_a_lawful_line_says_what_it_was_given(output: io.StringIO) -> None:
    get_logger("broker.pipeline").info(
        "transfer.accepted",
        facility="24Z01",
        topic="xfer.submit.24Z01",
        offset=41,
        message_id=MESSAGE_ID,
        reason="late",
        priority="stat",
        seconds=0.25,
        duplicate=False,
    )
    (line,) = lines(output)
    assert line.pop("time").endswith("Z")
    assert line.pop("pid") > 0
    assert line == {
        "level": "info",
        "event": "transfer.accepted",
        "process": "exchange",
        "logger": "broker.pipeline",
        "facility": "24Z01",
        "topic": "xfer.submit.24Z01",
        "offset": 41,
        "message_id": MESSAGE_ID,
        "reason": "late",
        "priority": "stat",
        "seconds": 0.25,
        "duplicate": False,
    }


EARLY = get_logger("early.bird")  # as modules do, before anything is configured


def test_logger_made_before_logging_was_set_up_obeys_the_list(output: io.StringIO) -> None:
    EARLY.info("a.b", facility="24Z01", patient=CANARY)
    (line,) = lines(output)
    assert (line["process"], line["logger"], line["facility"]) == ("exchange", "early.bird", "24Z01")
    assert "CHIM" not in output.getvalue()


def test_without_any_set_up_the_list_holds_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    EARLY.warning("a.b", facility="24Z01", patient=CANARY)
    EARLY.warning(CANARY)
    EARLY.info("c.d")
    shown = capsys.readouterr()
    assert shown.out == ""
    assert [json.loads(line)["event"] for line in shown.err.splitlines()] == ["a.b", "unnamed"]
    assert "CHIM" not in shown.err


def test_unknown_fields_are_dropped_and_counted(output: io.StringIO) -> None:
    before = dropped_fields()
    get_logger("x").info("a.b", patient=CANARY, url="/patients/1", facility="24Z01")
    (line,) = lines(output)
    assert "patient" not in line
    assert line["facility"] == "24Z01"
    assert line["dropped"] == 2
    assert dropped_fields() == before + 2


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_no_field_takes_a_name(name: str) -> None:
    for value in (CANARY, CANARY.encode(), [CANARY], {"name": CANARY}, ValueError(CANARY), CANARY.title()):
        assert permitted({name: value}) == ({}, 1)


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_no_field_takes_what_is_not_finite_or_too_long(name: str) -> None:
    for value in (float("nan"), float("inf"), "a" * 10_000, "9" * 10_000):
        assert permitted({name: value}) == ({}, 1)


@given(st.dictionaries(st.sampled_from([*sorted(FIELDS), "other"]), st.text() | st.integers() | st.floats()))
def test_whatever_is_permitted_is_one_ascii_line(fields: dict[str, Any]) -> None:
    kept, dropped = permitted(fields)
    assert len(kept) + dropped == len(fields)
    written = json.dumps(kept, ensure_ascii=True, allow_nan=False)
    assert written.isascii()
    assert written.isprintable()
    assert all(value == fields[name] for name, value in kept.items())


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(ANYTHING, st.dictionaries(st.sampled_from([*sorted(FIELDS), "other", "exc_info", "level"]), ANYTHING))
def test_no_call_whatever_raises_or_says_more_than_it_may(event: Any, fields: dict[str, Any]) -> None:
    stream = io.StringIO()
    _use_lines("exchange", logging.DEBUG, stream)
    try:
        structlog.get_logger().info(event, **fields)
    finally:
        _use_lines("unnamed", logging.WARNING, None)
    (line,) = stream.getvalue().splitlines()
    said = json.loads(line)
    assert line.isascii()
    assert set(said) <= {"time", "level", "event", "process", "pid", "dropped", *FIELDS}
    assert (said["process"], said["level"]) == ("exchange", "info")
    assert all(FIELDS[name](value) for name, value in said.items() if name in FIELDS)


@given(st.text())
def test_event_is_a_name_or_unnamed(text: str) -> None:
    name = event_name(text)
    assert name == "unnamed" or (name == text and text.isascii() and " " not in text)


def test_a_sentence_is_not_an_event(output: io.StringIO) -> None:
    get_logger("x").info(f"patient {CANARY} arrived")
    get_logger("x").info("patient %s arrived", CANARY)
    assert [line["event"] for line in lines(output)] == ["unnamed", "unnamed"]
    assert "CHIM" not in output.getvalue()


def test_exception_is_type_and_place_never_text(output: io.StringIO) -> None:
    def innermost() -> None:
        int(CANARY)

    try:
        try:
            innermost()
        except ValueError as cause:
            raise RuntimeError(CANARY) from cause
    except RuntimeError:
        get_logger("x").exception("a.failed")
    (line,) = lines(output)
    assert (line["error"], line["cause"]) == ("RuntimeError", "ValueError")
    assert line["error_at"].startswith("test_logs.py:")
    assert "CHIM" not in output.getvalue()


def test_circle_of_causes_ends() -> None:
    one, two = ValueError("one"), KeyError("two")
    one.__cause__, two.__cause__ = two, one
    assert describe_error(one)["error"] == "ValueError"


@pytest.mark.parametrize("name", ["aiokafka", "uvicorn.error", "sqlalchemy.engine", "asyncio"])
def test_library_message_is_reduced_to_logger_level_and_place(output: io.StringIO, name: str) -> None:
    logging.getLogger(name).error("could not send %r", CANARY)
    (line,) = lines(output)
    assert (line["event"], line["level"], line["logger"]) == ("library", "error", name)
    assert line["logged_at"].startswith("test_logs:")
    assert "CHIM" not in output.getvalue()


def test_library_exception_keeps_its_type(output: io.StringIO) -> None:
    try:
        raise LookupError(CANARY)
    except LookupError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application %s", CANARY)
    (line,) = lines(output)
    assert line["error"] == "LookupError"
    assert "CHIM" not in output.getvalue()


def test_a_kafka_that_is_away_is_one_line_a_minute_with_a_count(output: io.StringIO) -> None:
    seconds = 0.0
    handler = _LibraryHandler(lambda: seconds)
    logger = logging.getLogger("aiokafka.client")
    logging.getLogger().handlers[:] = [handler]
    for _ in range(1_200):  # ten a second for two minutes
        logger.error("Unable connect to node with id %s: %s", CANARY, "refused")
        seconds += 0.1
    assert [line.get("count") for line in lines(output)] == [None, 600]
    assert {line["logged_at"].split(":")[0] for line in lines(output)} == {"test_logs"}


def test_what_kafkas_client_says_elsewhere_and_of_other_kind_is_not_swallowed(output: io.StringIO) -> None:
    logging.getLogger("aiokafka.client").error("one place")
    logging.getLogger("aiokafka.client").error("another place")
    for error in (ConnectionError, TimeoutError):
        logging.getLogger("aiokafka.consumer").error("one place", exc_info=error())
    assert [line.get("error") for line in lines(output)] == [None, None, "ConnectionError", "TimeoutError"]


def test_no_failure_of_another_library_is_swallowed(output: io.StringIO) -> None:
    for _ in range(3):
        logging.getLogger("uvicorn.error").error("Exception in ASGI application")
    assert len(lines(output)) == 3


def test_libraries_inner_life_is_not_logged(output: io.StringIO) -> None:
    logging.getLogger("aiokafka").info("info")
    logging.getLogger("aiokafka").debug("Sending (value=%s)", CANARY)
    assert output.getvalue() == ""


def test_warning_is_reduced_too(output: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn(CANARY, UserWarning, stacklevel=1)
    (line,) = lines(output)
    assert line["logger"] == "py.warnings"
    assert "CHIM" not in output.getvalue()


def test_uncaught_exceptions_of_main_and_other_threads(output: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    sys.excepthook(ValueError, ValueError(CANARY), None)
    thread = threading.Thread(target=lambda: int(CANARY))
    thread.start()
    thread.join()
    assert [line["error"] for line in lines(output)] == ["ValueError", "ValueError"]
    assert {line["event"] for line in lines(output)} == {"process.uncaught"}
    assert "CHIM" not in output.getvalue() + "".join(capsys.readouterr())


def test_task_that_nobody_awaited(output: io.StringIO) -> None:
    async def fail() -> None:
        raise ValueError(CANARY)

    async def leave_it() -> None:
        asyncio.ensure_future(fail())  # noqa: RUF006
        await asyncio.sleep(0.01)

    asyncio.run(leave_it())
    import gc

    gc.collect()
    assert [line["error"] for line in lines(output)] == ["ValueError"]
    assert "CHIM" not in output.getvalue()


def test_control_characters_cannot_forge_a_line(output: io.StringIO) -> None:
    nasty = 'a\r\n{"event":"forged"}\x1b[31m\u2028\u202e'
    get_logger(nasty).warning(nasty, state=nasty, facility=nasty)
    logging.getLogger(nasty).error(nasty)
    assert len(output.getvalue().splitlines()) == 2
    assert "forged" not in output.getvalue()
    assert output.getvalue().replace("\n", "").isprintable()


def test_context_is_filtered_like_everything_else(output: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(facility="24Z01", name=CANARY):
        get_logger("x").info("a.b")
    (line,) = lines(output)
    assert line["facility"] == "24Z01"
    assert "CHIM" not in output.getvalue()


def test_reserved_words_cannot_be_overwritten(output: io.StringIO) -> None:
    get_logger("x").info("a.b", process="other", pid=0, time=CANARY)
    (line,) = lines(output)
    assert line["process"] == "exchange"
    assert line["pid"] > 0
    assert "CHIM" not in output.getvalue()


def test_stream_that_takes_nothing_stops_nobody(output: io.StringIO) -> None:
    before = lost_lines()
    output.close()
    get_logger("x").error("a.b")
    assert lost_lines() == before + 1


def test_level_is_respected(output: io.StringIO) -> None:
    configure_logging("exchange", "warning", output)
    get_logger("x").info("a.b")
    get_logger("x").warning("c.d")
    assert [line["event"] for line in lines(output)] == ["c.d"]


def test_unknown_level_is_refused_and_changes_nothing(output: io.StringIO) -> None:
    with pytest.raises(KeyError):
        configure_logging("connector", "chatty")
    get_logger("x").info("a.b")
    assert lines(output)[0]["process"] == "exchange"
