"""The local node: pinned jars, honest failures, and no JVM that outlives its parent."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.kafka_cluster import BROKER, Identities, KafkaCluster
from transport.kafka_admin import list_topics
from transport.local_kafka import JarsUnavailableError, LocalKafka, LocalKafkaError, ensure_jars
from transport.local_kafka import jars as jars_module
from transport.local_kafka.jars import LOCK, Jar, cache_folder, jar_set_digest, read_lock
from transport.local_kafka.java import ClassCache, server_options, tool_options

# --- the lock ------------------------------------------------------------------------------------------------------


def test_every_jar_is_pinned_by_version_digest_and_size() -> None:
    jars = read_lock(LOCK.read_text(encoding="utf-8"))
    assert len(jars) == 45
    assert len({jar.file_name for jar in jars}) == len(jars)
    for jar in jars:
        assert len(bytes.fromhex(jar.sha256)) == 32
        assert jar.size > 0
        assert not set(jar.version) & set("[]()+,*")
    assert {jar.version for jar in jars if jar.group == "org.apache.kafka"} == {"4.4.0"}


def test_lock_holds_no_address() -> None:
    assert "://" not in LOCK.read_text(encoding="utf-8")


@pytest.mark.parametrize("line", ["a:b:1 00", "a:b 00 1", "a:b:1 00 many"])
def test_bad_line_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_lock(line)


def test_digest_of_the_set_changes_with_the_order(tmp_path: Path) -> None:
    lines = ["g:a:1 11 1", "g:b:1 22 1"]
    digests = set()
    for number, order in enumerate((lines, lines[::-1])):
        lock = tmp_path / f"{number}.lock"
        lock.write_text("\n".join(order))
        digests.add(jar_set_digest(lock))
    assert len(digests) == 2


# --- the cache -----------------------------------------------------------------------------------------------------


class Registry:
    """Stands in for jgo: hands out files with given contents, counts the requests."""

    def __init__(self, contents: dict[str, bytes]) -> None:
        self.contents = contents
        self.asked: list[str] = []

    def __call__(self, *, repo_cache: Path, timeout: int) -> "Registry":
        self._folder = repo_cache
        return self

    def project(self, group: str, artifact: str) -> "Wanted":
        return Wanted(self, artifact, self._folder)


class Wanted:
    def __init__(self, registry: Registry, artifact: str, folder: Path) -> None:
        self._registry, self._artifact, self._folder = registry, artifact, folder

    def at_version(self, version: str) -> "Wanted":
        return self

    def artifact(self) -> "Wanted":
        return self

    def resolve(self) -> str:
        self._registry.asked.append(self._artifact)
        if self._artifact not in self._registry.contents:
            raise ConnectionError("no network")
        path = self._folder / f"fetched-{self._artifact}"
        path.write_bytes(self._registry.contents[self._artifact])
        return str(path)


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    lines = [f"g:{name}:1 {hashlib.sha256(name.encode()).hexdigest()} {len(name)}" for name in ("zeta", "alpha", "mid")]
    path = tmp_path / "test.lock"
    path.write_text("# comment\n" + "\n".join(lines) + "\n")
    return path


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    registry = Registry({name: name.encode() for name in ("zeta", "alpha", "mid")})
    monkeypatch.setattr(jars_module, "MavenContext", registry)
    return registry


def test_jars_are_fetched_once_in_the_locks_order_with_progress(tmp_path: Path, lock: Path, registry: Registry) -> None:
    seen: list[tuple[int, int]] = []
    first = ensure_jars(tmp_path / "cache", lambda done, total: seen.append((done, total)), lock=lock)
    second = ensure_jars(tmp_path / "cache", lock=lock)
    assert [path.name for path in first] == ["zeta-1.jar", "alpha-1.jar", "mid-1.jar"] == [path.name for path in second]
    assert sorted(registry.asked) == ["alpha", "mid", "zeta"]
    assert seen[-1] == (12, 12)
    assert seen == sorted(seen)
    assert not list((tmp_path / "cache").glob(".fetching-*"))


def test_wrong_jar_is_never_used(tmp_path: Path, lock: Path, registry: Registry) -> None:
    registry.contents["mid"] = b"something else"
    with pytest.raises(JarsUnavailableError, match=r"mid-1.jar"):
        ensure_jars(tmp_path / "cache", lock=lock)
    assert not (tmp_path / "cache/jars/mid-1.jar").exists()


def test_damaged_jar_in_the_cache_is_fetched_again(tmp_path: Path, lock: Path, registry: Registry) -> None:
    ensure_jars(tmp_path / "cache", lock=lock)
    (tmp_path / "cache/jars/mid-1.jar").write_bytes(b"half")
    paths = ensure_jars(tmp_path / "cache", lock=lock)
    assert paths[2].read_bytes() == b"mid"


def test_no_network_is_said_in_both_languages(tmp_path: Path, lock: Path, registry: Registry) -> None:
    del registry.contents["alpha"]
    with pytest.raises(JarsUnavailableError, match=r"Không tải được.* / .*cannot be fetched"):
        ensure_jars(tmp_path / "cache", lock=lock)


def test_jars_have_a_fixed_time_so_that_the_class_cache_stays_valid(
    tmp_path: Path, lock: Path, registry: Registry
) -> None:
    times = {path.stat().st_mtime for path in ensure_jars(tmp_path / "cache", lock=lock)}
    assert times == {315_532_800}


def test_cache_folder_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LIENVIEN_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("LIENVIEN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "lienvien"


def test_file_name_of_a_jar() -> None:
    assert Jar("org.apache.kafka", "kafka_2.13", "4.4.0", "", 0).file_name == "kafka_2.13-4.4.0.jar"


# --- the class cache and the JVM's options ---------------------------------------------------------------------------


def test_class_cache_is_used_only_when_finished_and_leftovers_go(tmp_path: Path) -> None:
    cache = ClassCache(tmp_path)
    assert (cache.usable, cache.reading()) == (False, [])
    unfinished = cache.unfinished(41)
    unfinished.write_bytes(b"classes")
    old = unfinished.with_name(".unfinished-1.aot")
    old.write_bytes(b"")
    os.utime(old, (0, 0))
    assert cache.unfinished(41) == unfinished
    assert (old.exists(), unfinished.exists()) == (False, True)
    cache.keep(unfinished)
    assert cache.reading() == [f"-XX:AOTCache={cache.file}"]
    cache.keep(unfinished)  # nothing there: the JVM was killed before it wrote
    assert cache.file.read_bytes() == b"classes"


def test_jvm_keeps_its_second_compiler() -> None:
    """Without it TLS was three to nine times slower."""
    for options in (server_options(), tool_options()):
        assert not [option for option in options if "TieredStopAtLevel" in option]


# --- a real node -----------------------------------------------------------------------------------------------------


@pytest.mark.kafka
async def test_node_says_where_it_is(kafka: KafkaCluster) -> None:
    node = kafka.own_node()
    assert node.pid == int((node.log.parent / "kafka.pid").read_text())
    assert node.bootstrap == kafka.bootstrap
    with pytest.raises(RuntimeError):
        await node.start()


@pytest.mark.process
async def test_failing_start_names_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    identities = Identities.new(tmp_path / "tls")
    broken = tmp_path / "broken.pem"
    broken.write_text("no key")
    node = LocalKafka(tmp_path / "node", identity=broken, ca=identities.ca, class_cache=False)
    try:
        ensure_jars(cache_folder())
    except JarsUnavailableError as missing:
        pytest.skip(str(missing))
    await node.start()
    link = KafkaCluster(node.bootstrap, identities).link("admin")
    with pytest.raises(LocalKafkaError, match=r"kafka\.log"):
        await node.ready(link, limit_s=60)
    await node.stop()


@pytest.mark.process
async def test_folders_with_vietnamese_names_and_spaces_also_in_a_plain_locale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LANG", "LC_ALL", "LC_CTYPE"):
        monkeypatch.setenv(name, "C")
    try:
        ensure_jars(cache_folder())
    except JarsUnavailableError as missing:
        pytest.skip(str(missing))
    home = tmp_path / "Bệnh viện Bắc Giang"
    identities = Identities.new(home / "khóa")
    node = LocalKafka(home / "nút Kafka", identity=identities.file(BROKER), ca=identities.ca)
    try:
        await node.start()
        cluster = KafkaCluster(node.bootstrap, identities, node)
        await node.ready(cluster.admin)
        await cluster.admit("24Z01")
        assert len(await list_topics(cluster.facility("24Z01"))) == 2
    finally:
        await node.stop()
    assert (home / "nút Kafka" / "data" / "meta.properties").exists()


PARENT = """
import asyncio, sys
from pathlib import Path
from transport.local_kafka import LocalKafka
folder, identity, ca = map(Path, sys.argv[1:])
async def main():
    node = LocalKafka(folder, identity=identity, ca=ca, class_cache=False)
    await node.start()
    print(node.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_jvm_does_not_outlive_a_killed_parent(kafka: KafkaCluster, tmp_path: Path) -> None:
    arguments = [tmp_path / "node", kafka.identities.file(BROKER), kafka.ca]
    parent = subprocess.Popen([sys.executable, "-c", PARENT, *map(str, arguments)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout as output:
        pid = int(output.readline())
    os.kill(pid, 0)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert gone_within(pid, 10)


def gone_within(pid: int, seconds: float) -> bool:
    """True when the process has ended (or is a zombie whose new parent has not collected it yet)."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.kafka
def test_identities_are_skipped_not_invented_where_no_authority_is_at_hand(kafka: KafkaCluster, tmp_path: Path) -> None:
    given = Identities.given(tmp_path)
    with pytest.raises(pytest.skip.Exception):
        given.file("24Z01.k1")
