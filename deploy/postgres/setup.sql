-- Makes the role and the schema for auditferry, as a superuser or the owner of the database. Change the password first.
--   psql -v ON_ERROR_STOP=1 -d auditferry -v password=… -f setup.sql
-- The role owns its schema and needs no right beyond it: it makes its tables when the first replica starts.
CREATE ROLE auditferry LOGIN PASSWORD :'password' NOSUPERUSER NOCREATEDB NOCREATEROLE;
CREATE SCHEMA auditferry AUTHORIZATION auditferry;
REVOKE ALL ON SCHEMA auditferry FROM PUBLIC;
-- Each replica takes up to seven connections, and each command that runs beside it as many.
ALTER ROLE auditferry CONNECTION LIMIT 60;
