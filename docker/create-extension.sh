#!/usr/bin/env bash
# Run once by the image, when it has made its database: the extension is there from the first connection on.
set -euo pipefail
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --command 'CREATE EXTENSION fauna'
