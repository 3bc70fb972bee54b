#!/bin/sh
# Runs once, when the cluster is made: the database, the roles and a login for each part. Passwords come from the environment.
set -eu
psql -v ON_ERROR_STOP=1 --username postgres --dbname postgres <<'END'
\getenv migrator AFFINE_MIGRATOR_PASSWORD
\getenv coordinator AFFINE_COORDINATOR_PASSWORD
\getenv worker AFFINE_WORKER_PASSWORD
\getenv grafana AFFINE_GRAFANA_PASSWORD
CREATE DATABASE affine;
CREATE ROLE affine_owner NOLOGIN;
CREATE ROLE affine_coordinator NOLOGIN;
CREATE ROLE affine_worker NOLOGIN;
CREATE ROLE affine_dashboard NOLOGIN;
GRANT CREATE ON DATABASE affine TO affine_owner;
ALTER DATABASE affine SET jit = off;
GRANT pg_read_all_stats TO affine_owner;
CREATE ROLE migrator LOGIN PASSWORD :'migrator' IN ROLE affine_owner;
CREATE ROLE coordinator LOGIN PASSWORD :'coordinator' IN ROLE affine_coordinator;
CREATE ROLE worker LOGIN PASSWORD :'worker' IN ROLE affine_worker;
CREATE ROLE grafana LOGIN PASSWORD :'grafana' IN ROLE affine_dashboard;
-- Behind a pooler no session sets its own.
ALTER ROLE coordinator SET statement_timeout = '30s';
ALTER ROLE worker SET statement_timeout = '30s';
ALTER ROLE grafana SET statement_timeout = '30s';
END
