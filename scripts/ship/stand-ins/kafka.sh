#!/bin/bash
# Starts Apache Kafka as the image `apache/kafka` does: each variable KAFKA_A_B is the property a.b.
set -eu
properties=/tmp/server.properties
env | sed -n 's/^KAFKA_//p' | while IFS='=' read -r name value; do
  name=${name,,}
  echo "${name//_/.}=$value"
done > "$properties"
java=(java -Xmx256m -cp '/opt/kafka/libs/*')
"${java[@]}" kafka.tools.StorageTool format --ignore-formatted --config "$properties" --cluster-id 5L6g3nShT-eMCtK--X86sw
exec "${java[@]}" kafka.Kafka "$properties"
