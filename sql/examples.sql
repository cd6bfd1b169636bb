-- The examples of doc/examples: what they print, and that each comparison at
-- their ends finds no difference.
\getenv srcdir PG_ABS_SRCDIR
\set examples :srcdir '/doc/examples/'
\set running_average :examples 'running_average.sql'
\set sensor_windows :examples 'sensor_windows.sql'
\set log_errors :examples 'log_errors.sql'
\set recommendations :examples 'recommendations.sql'
\set regression :examples 'regression.sql'
\set monitoring :examples 'monitoring.sql'
\set rankings :examples 'rankings.sql'
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET client_min_messages = warning;
\i :running_average
DROP SCHEMA running_average CASCADE;
\i :sensor_windows
DROP SCHEMA sensor_windows CASCADE;
\i :log_errors
DROP SCHEMA log_errors CASCADE;
\i :recommendations
DROP SCHEMA recommendations CASCADE;
\i :regression
DROP SCHEMA regression CASCADE;
\i :monitoring
DROP SCHEMA monitoring CASCADE;
\i :rankings
DROP SCHEMA rankings CASCADE;
