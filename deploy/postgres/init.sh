#!/bin/sh
# Runs setup.sql when the image of PostgreSQL makes its database. The password stays out of the list of processes.
set -eu
psql -v ON_ERROR_STOP=1 -U "${POSTGRES_USER:-postgres}" -d "$POSTGRES_DB" << 'SQL'
\set password `cat "${STATE_PASSWORD_FILE:-/run/secrets/state_password}"`
\i /setup.sql
SQL
