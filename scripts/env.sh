# What every script here knows: where things are, which ports, who runs PostgreSQL. Sourced, never run.
# shellcheck shell=bash
set -euo pipefail
# PostgreSQL runs as another user when root starts it, who must get at the programs; secrets are created with their own mask.
umask 022

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
FAUNA_DIR=$(realpath -m "${FAUNA_DIR:-$root/.fauna}")
FAUNA_PG_PORT=${FAUNA_PG_PORT:-54329}
FAUNA_PORT=${FAUNA_PORT:-8765}
export PGRX_VERSION=0.18.1

# Build output lives outside the tree, so that clones share what they have in common.
cache=${FAUNA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fauna}
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$cache/target}
export PGRX_HOME=$cache/pgrx
export PATH=$cache/tools/bin:$PATH:/usr/sbin # where Debian keeps pgbouncer
# A backtrace in an error's DETAIL would show the paths of the machine that built it.
unset RUST_BACKTRACE

say() { if [ -t 2 ]; then printf '\033[1m%s\033[0m\n' "$*" >&2; else printf '%s\n' "$*" >&2; fi; }
die() { printf 'fauna: %s\n' "$*" >&2; exit 1; }

# Runs a command as the user that may run PostgreSQL: PostgreSQL refuses root, so root hands it on.
as_server_user() {
  if [ "$EUID" -eq 0 ]; then
    setpriv --reuid=postgres --regid=postgres --clear-groups env HOME=/ "$@"
  else
    "$@"
  fi
}

own_as_server_user() {
  if [ "$EUID" -eq 0 ]; then chown postgres:postgres "$@"; fi
}

as_root() {
  if [ "$EUID" -eq 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
    die "this needs root: $* (run it yourself, or install sudo)"
  fi
}

# Writes a new random password to a file that only its owner may read.
new_password() { (umask 077 && head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$1"); }

# Goes on as the only script that uses the build output. Cargo takes a clone's sources for another's when their times allow,
# so what was built of Fauna itself goes when another clone comes; what it depends on stays. Scripts that build say
# `own_build_output "$@"` first, which starts them again with the lock; those that they call find it theirs already.
own_build_output() {
  if [ "${FAUNA_OWNS_BUILD_OUTPUT:-}" != "$CARGO_TARGET_DIR" ]; then
    mkdir -p "$CARGO_TARGET_DIR"
    export FAUNA_OWNS_BUILD_OUTPUT=$CARGO_TARGET_DIR
    local lock=$CARGO_TARGET_DIR/fauna.lock
    flock --nonblock "$lock" true || say "waiting for another clone to finish with $CARGO_TARGET_DIR"
    # --close: what a test leaves running must not keep the lock.
    exec flock --close "$lock" "$0" "$@"
  fi
  if [ "$(cat "$CARGO_TARGET_DIR/fauna.root" 2>/dev/null)" != "$root" ]; then
    find "$CARGO_TARGET_DIR" -maxdepth 4 -path '*/.fingerprint/fauna-*' -prune -exec rm -rf {} +
    echo "$root" >"$CARGO_TARGET_DIR/fauna.root"
  fi
}

# Builds everything, the extension for the majors named, and says in the variables that the suites read where it is.
build_for_tests() { # build_for_tests [<major>…]
  "$root/scripts/build" "$@"
  cargo build --quiet --release --locked --manifest-path "$root/Cargo.toml" -p fauna-differential
  FAUNA_E2E_PG_BINDIR=$(cat "$(server_dir)/bindir")
  FAUNA_E2E_BRIDGE=$(server_dir)/bin/fauna-bridge
  FAUNA_E2E_DIFFERENTIAL=$CARGO_TARGET_DIR/release/fauna-differential
  export FAUNA_E2E_PG_BINDIR FAUNA_E2E_BRIDGE FAUNA_E2E_DIFFERENTIAL
}

# The folder that the server works in: FAUNA_DIR, or, where the server's user cannot get there
# (root's own home is closed to others), a folder of the same meaning in /var/lib.
server_dir() {
  mkdir -p "$FAUNA_DIR"
  if as_server_user test -x "$FAUNA_DIR"; then
    echo "$FAUNA_DIR"
  else
    local place
    place=/var/lib/fauna-private/$(printf '%s' "$FAUNA_DIR" | sha256sum | cut -c1-16)
    mkdir -p "$place"
    ln -sfn "$place" "$FAUNA_DIR/server"
    echo "$place"
  fi
}

# The majors of PostgreSQL that Fauna supports.
supported_majors=(15 16 17 18)

# The major to use where one will do: FAUNA_PG_MAJOR, else the first that Debian's packages have put here.
pg_major() {
  local major
  if [ -n "${FAUNA_PG_MAJOR:-}" ]; then
    pg_config_of "$FAUNA_PG_MAJOR" >/dev/null && echo "$FAUNA_PG_MAJOR"
    return
  fi
  for major in "${supported_majors[@]}"; do
    if has_headers "/usr/lib/postgresql/$major/bin/pg_config"; then
      echo "$major"
      return
    fi
  done
  return 1
}

# The pg_config of a major whose server and headers are here: Debian's, or what scripts/wheel has unpacked.
pg_config_of() {
  local candidate
  for candidate in "/usr/lib/postgresql/$1/bin/pg_config" "$cache/postgresql/$1/bin/pg_config"; do
    if has_headers "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  return 1
}

has_headers() { [ -x "$1" ] && [ -f "$("$1" --includedir-server)/postgres.h" ]; }
