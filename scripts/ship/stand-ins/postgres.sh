#!/bin/bash
# Starts Debian's PostgreSQL as the image `postgres` does, with the account and the database that the environment names.
set -eu
programs=$(echo /usr/lib/postgresql/*/bin)
data=/var/lib/postgresql/data
if [ "$(id -u)" = 0 ]; then
  mkdir -p "$data" && chown -R 999:999 /var/lib/postgresql
  exec setpriv --reuid=999 --regid=999 --clear-groups "$0"
fi
if [ ! -f "$data/PG_VERSION" ]; then
  "$programs/initdb" --pgdata="$data" --username="$POSTGRES_USER" --auth=scram-sha-256 --encoding=UTF8 --locale=C \
    --pwfile=<(echo "$POSTGRES_PASSWORD")
  echo 'host all all all scram-sha-256' >> "$data/pg_hba.conf"
  echo "create database \"$POSTGRES_DB\"" |
    "$programs/postgres" --single -D "$data" postgres
fi
exec "$programs/postgres" -D "$data" -c listen_addresses='*' -c unix_socket_directories=
