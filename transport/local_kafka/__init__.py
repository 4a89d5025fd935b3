"""A real Kafka on this machine: no Docker, no installed Java, no root. For the demonstration and the tests."""

from transport.local_kafka.jars import JarsUnavailableError, cache_folder, ensure_jars
from transport.local_kafka.node import LocalKafka, LocalKafkaError

__all__ = ["JarsUnavailableError", "LocalKafka", "LocalKafkaError", "cache_folder", "ensure_jars"]
