#!/usr/bin/env bash
# Checks an image that scripts/test-image has built, from within its root file system and in a network of its own:
# checks.sh <the health check's command>. The image's entry point, command and environment are in ENTRYPOINT, COMMAND and the
# environment itself. Every check is a function whose name says what holds.
set -euo pipefail
health_check=$1
server=
log=$(mktemp)

psql() {
  PGPASSWORD=$POSTGRES_PASSWORD command psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --no-align --tuples-only \
    --host 127.0.0.1 --username postgres --dbname "$POSTGRES_DB" "$@"
}
healthy() { sh -c "$health_check"; }

start() {
  # shellcheck disable=SC2086 # both are lists of words
  $ENTRYPOINT $COMMAND >>"$log" 2>&1 &
  server=$!
  local deadline=$((SECONDS + 60))
  until healthy; do
    kill -0 "$server" # `set -e`: a server that has ended fails the check
    [ "$SECONDS" -lt "$deadline" ]
    sleep 0.1
  done
}

stop() {
  kill -INT "$server" # the official image's STOPSIGNAL
  wait "$server"
}

is_unhealthy_before_it_starts() { ! healthy; }
is_healthy_once_it_has_started() { start; }
runs_as_an_unprivileged_user() { [ "$(stat --format %U "/proc/$server")" = postgres ]; }
has_the_extension_from_the_first_start_on() { [ "$(psql --command "SELECT extname FROM pg_extension WHERE extname = 'fauna'")" = fauna ]; }
evaluates_a_flag_that_sql_flips() {
  local answers
  answers=$(psql <<'SQL'
SELECT fauna.create_environment('production') \g /dev/null
SELECT fauna.create_flag('checkout') \g /dev/null
SELECT fauna.enabled('checkout', '{}');
UPDATE fauna.flag_settings SET enabled = true WHERE flag_key = 'checkout';
SELECT fauna.enabled('checkout', '{}');
SQL
  )
  [ "$answers" = $'f\nt' ]
}
shows_no_backtrace_in_an_error() {
  # The server's own error, on its way through Rust: of a library that finds something else in a table's place.
  local words more provoke="BEGIN; ALTER EXTENSION fauna DROP TABLE fauna.heads; ALTER TABLE fauna.heads RENAME TO hidden;
    CREATE TYPE fauna.heads AS (environment_key text, epoch uuid, revision bigint); SELECT fauna.enabled('checkout', '{}')"
  words=$(psql --command "$provoke" 2>&1) && return 1
  [[ $words == 'ERROR:  '*'"heads"'* && $words != *fauna::* ]]
  # It would show one in the environment that the image must not have.
  stop
  RUST_BACKTRACE=1 start
  more=$(psql --command "$provoke" 2>&1) && return 1
  [[ $more == "$words"*fauna::* ]]
}
keeps_its_data_over_a_restart() {
  stop
  start
  [ "$(psql --command "SELECT fauna.enabled('checkout', '{}')")" = t ]
}
is_unhealthy_once_it_has_stopped() { stop && ! healthy; }

for check in is_unhealthy_before_it_starts is_healthy_once_it_has_started runs_as_an_unprivileged_user \
  has_the_extension_from_the_first_start_on evaluates_a_flag_that_sql_flips shows_no_backtrace_in_an_error \
  keeps_its_data_over_a_restart is_unhealthy_once_it_has_stopped; do
  # In this shell, and not as a condition, which would switch `set -e` off within.
  trap 'echo "the image does not hold: ${check//_/ }" >&2; cat "$log" >&2' EXIT
  "$check"
  echo "ok ${check//_/ }"
done
trap - EXIT
