#!/usr/bin/env bash
# The steps of the official image's entry point, for `make test-image`, which cannot download that image: at the first start
# make a cluster and a database, and run /docker-entrypoint-initdb.d against a server that listens on its socket only; then
# become the server. POSTGRES_PASSWORD, POSTGRES_USER, POSTGRES_DB and PGDATA mean what they mean there.
set -euo pipefail

if [ "$(id -u)" = 0 ]; then
  install -d -m 700 -o postgres -g postgres "$PGDATA"
  install -d -m 2775 -o postgres -g postgres /var/run/postgresql
  exec setpriv --reuid=postgres --regid=postgres --init-groups "${BASH_SOURCE[0]}" "$@"
fi
export POSTGRES_USER=${POSTGRES_USER:-postgres}
export POSTGRES_DB=${POSTGRES_DB:-$POSTGRES_USER}
if ! [ -s "$PGDATA/PG_VERSION" ]; then
  : "${POSTGRES_PASSWORD:?is needed at the first start}"
  initdb --username "$POSTGRES_USER" --pwfile <(printf '%s\n' "$POSTGRES_PASSWORD") --encoding UTF8 --locale C.UTF-8
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  pg_ctl start --wait --options "-c listen_addresses=''"
  if [ "$POSTGRES_DB" != postgres ]; then createdb --username "$POSTGRES_USER" "$POSTGRES_DB"; fi
  for script in /docker-entrypoint-initdb.d/*.sh; do
    "$script"
  done
  pg_ctl stop --wait --mode fast
fi
exec "$@" -c listen_addresses='*'
