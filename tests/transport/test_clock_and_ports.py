"""The machine's clocks, and free ports."""

import socket
from datetime import UTC, timedelta

import pytest

from transport import free_ports as module
from transport.clock import Clock, SystemClock
from transport.free_ports import NoFreePortError, free_ports


def test_wall_clock_is_aware_and_utc_and_the_other_never_goes_back() -> None:
    clock: Clock = SystemClock()
    first, second = clock.now(), clock.now()
    assert first.tzinfo is UTC
    assert timedelta(0) <= second - first < timedelta(seconds=60)
    ticks = [clock.monotonic() for _ in range(1_000)]
    assert ticks == sorted(ticks)


def test_ports_differ_are_free_and_lie_below_the_range_of_outgoing_connections() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    for port in ports:
        assert 20_000 <= port < 60_000
        with socket.socket() as server:
            server.bind(("127.0.0.1", port))


def test_a_port_in_use_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        offers = iter([port, port, port])
        monkeypatch.setattr(module, "_LOWEST", 0)
        monkeypatch.setattr(module, "_TRIES_PER_PORT", 3)
        monkeypatch.setattr(module.secrets, "randbelow", lambda _: next(offers))
        with pytest.raises(NoFreePortError):
            free_ports(1)


def test_unknown_range_falls_back_to_the_usual_one(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: object) -> None:
    monkeypatch.setattr(module, "_EPHEMERAL_SETTING", module.Path("/no/such/setting"))
    assert all(20_000 <= port < 32_768 for port in free_ports(5))
