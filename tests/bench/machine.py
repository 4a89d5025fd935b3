"""What it was measured on."""

import os
import platform
import ssl
from importlib.metadata import version
from pathlib import Path

import psutil

from tests.bench.arithmetic import MIB

_PACKAGES = ("lienvien", "aiokafka", "sqlalchemy", "psycopg", "aiosqlite", "cryptography", "joserfc", "orjson",
             "jsonschema-rs", "uvloop")  # fmt: skip


def machine() -> dict[str, str | int | float]:
    """Processor, cores, memory, and how busy it is at this moment (load average of a minute)."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        "memory_mib": psutil.virtual_memory().total // MIB,
        "system": f"{platform.system()} {platform.release()}",
        "load_before": round(os.getloadavg()[0], 2),
    }


def busy_s() -> float:
    """Processor seconds that everything on this machine has used so far."""
    times = psutil.cpu_times()
    return float(times.user + times.system + times.nice + getattr(times, "irq", 0) + getattr(times, "softirq", 0))


def versions(kafka_lock: Path, postgresql: str) -> dict[str, str]:
    """Of everything that the figures depend on."""
    found = {name: version(name) for name in _PACKAGES}
    kafka = next(line.split()[0] for line in kafka_lock.read_text("utf-8").splitlines() if "kafka_2.13" in line)
    return {
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "kafka": kafka.rpartition(":")[2],
        "postgresql": postgresql,
    } | found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    clean = {name.strip(): value.strip() for name, value in facts.items()}
    return f"{clean.get('model name', platform.processor())}, {clean.get('cpu MHz', '?')} MHz"
