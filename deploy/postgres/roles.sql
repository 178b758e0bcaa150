-- The roles of the service, made once, by an administrator connected to the service's (empty)
-- database. May run again. What they may do to which table is in app/storage/grants.py;
-- `funnel migrate`, run as funnel_owner, grants it.
--
--   psql -f deploy/postgres/roles.sql "$ADMIN_URL"
--   then a password for each that logs in:  \password funnel_owner   and so on
--
-- All workers log in as one role: a successor ends the sessions of the one it fences, and
-- PostgreSQL lets it only where both are the same.

DO $$
DECLARE
    role text;
    everyone text[] := ARRAY['funnel_owner', 'funnel_worker', 'funnel_api',
        'funnel_webhooks', 'funnel_erasure'];
BEGIN
    FOREACH role IN ARRAY everyone LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            EXECUTE format('CREATE ROLE %I NOSUPERUSER NOCREATEDB NOCREATEROLE', role);
        END IF;
    END LOOP;
    FOREACH role IN ARRAY ARRAY['funnel_owner', 'funnel_worker', 'funnel_api', 'funnel_webhooks'] LOOP
        EXECUTE format('ALTER ROLE %I LOGIN', role);
    END LOOP;
    -- Everything that is not granted below is refused, also to roles that have nothing to do here.
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO funnel_worker, funnel_api, funnel_webhooks',
        current_database());
    -- A batch is staged in a temporary table.
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO funnel_worker', current_database());
    EXECUTE format('ALTER DATABASE %I OWNER TO funnel_owner', current_database());
END $$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT ALL ON SCHEMA public TO funnel_owner;

-- Taking a person out is a set of rights of its own. The worker holds it; a reader never does.
GRANT funnel_erasure TO funnel_worker;

-- Bounds for statements that forget theirs: no reader holds back vacuum, or a worker, for long.
ALTER ROLE funnel_api SET statement_timeout = '30s';
ALTER ROLE funnel_api SET idle_in_transaction_session_timeout = '30s';
