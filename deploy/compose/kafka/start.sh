#!/bin/bash
# Formats the data folder at the first start, then becomes Kafka.
set -eu
settings=/lienvien/server.properties
/opt/kafka/bin/kafka-storage.sh format --ignore-formatted --cluster-id LienVienExchangeExampl --config "$settings"
exec /opt/kafka/bin/kafka-server-start.sh "$settings"
