-- What keeps a database from carrying the queue, in findings: `af doctor` prints them, an alarm asks for those that are
-- wrong. Cheap enough to be asked every few seconds: index heads, leases and the server's own statistics, never a count
-- over ready runs or attempts.

-- Other logins' sessions show their state and age to members of this role only. Granting it takes a superuser, or a login
-- that was given it to pass on; where neither migrates, the finding `rights` says what to run.
DO $$
BEGIN
    IF NOT pg_has_role('affine_owner', 'pg_read_all_stats', 'USAGE') THEN
        GRANT pg_read_all_stats TO affine_owner;
    END IF;
EXCEPTION
    WHEN insufficient_privilege THEN NULL;
    WHEN unique_violation THEN NULL;  -- another database of this cluster is being migrated at the same time
END $$;

SET LOCAL ROLE affine_owner;

CREATE TYPE affine.finding AS (check_name text, subject text, value double precision, unit text, level text, detail text);

-- Who holds the oldest snapshot: no vacuum can remove what it may still see. Sessions are named by login and application,
-- never by their statement or address. Of a slot and a standby the server knows no age in seconds, only in transactions.
-- Whoever began first is named: others may look as far back only because that one was running when they began to look.
CREATE FUNCTION affine.snapshot_findings(most_seconds double precision DEFAULT 60) RETURNS SETOF affine.finding
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH holder (subject, transactions, seconds, who, cure) AS (
        SELECT CASE WHEN s.is_standby THEN 'standby ' || a.application_name ELSE 'session ' || a.pid END,
               GREATEST(age(a.backend_xmin), age(a.backend_xid)), extract(epoch FROM clock_timestamp() - a.xact_start),
               concat_ws(', ', 'user ' || a.usename, 'application ' || NULLIF(a.application_name, ''), a.state),
               CASE WHEN s.is_standby THEN 'end its long queries, or set hot_standby_feedback = off on it'
                    ELSE format('SELECT pg_terminate_backend(%s)', a.pid) END
        FROM pg_stat_activity a
        CROSS JOIN LATERAL (SELECT a.backend_type IS NOT DISTINCT FROM 'walsender') AS s (is_standby)
        WHERE (s.is_standby OR a.datname = current_database()) AND a.leader_pid IS NULL
          AND COALESCE(a.backend_xmin, a.backend_xid) IS NOT NULL
          -- A plain vacuum has a snapshot, but none that another has to respect.
          AND a.pid NOT IN (SELECT v.pid FROM pg_stat_progress_vacuum v)
        UNION ALL
        SELECT 'prepared transaction ' || p.gid, age(p.transaction), extract(epoch FROM clock_timestamp() - p.prepared),
               'user ' || p.owner, format('ROLLBACK PREPARED %L', p.gid)
        FROM pg_prepared_xacts p WHERE p.database = current_database()
        UNION ALL
        SELECT 'replication slot ' || r.slot_name, GREATEST(age(r.xmin), age(r.catalog_xmin)), NULL,
               concat_ws(', ', CASE WHEN r.active THEN 'in use' ELSE 'not in use' END,
                         CASE WHEN r.xmin IS NULL THEN 'holds back the catalogs only' END),
               format('let its reader catch up, or SELECT pg_drop_replication_slot(%L)', r.slot_name)
        FROM pg_replication_slots r WHERE COALESCE(r.xmin, r.catalog_xmin) IS NOT NULL
    ), judged AS (
        SELECT h.*, COALESCE(h.seconds >= most_seconds, h.transactions >= 1000000) AS is_old FROM holder h
    )
    SELECT 'oldest_snapshot', j.subject, j.seconds, 's', CASE WHEN j.is_old THEN 'wrong' ELSE 'ok' END,
           concat_ws(', ', NULLIF(j.who, ''), round(j.seconds) || ' s old', 'transactions since: ' || j.transactions)
           || CASE WHEN j.is_old THEN '; vacuum keeps every row that died since: ' || j.cure ELSE '' END
    FROM judged j ORDER BY j.is_old DESC, j.seconds DESC NULLS LAST, j.transactions DESC LIMIT 1
$$;

-- Sessions: whether there is room for more, who waits for a lock and for whom, and whether we may see them at all.
CREATE FUNCTION affine.session_findings(most_seconds double precision DEFAULT 1) RETURNS SETOF affine.finding
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'connections', 'server', s.used, 'sessions', CASE WHEN s.used >= 0.9 * s.room THEN 'wrong' ELSE 'ok' END,
           format('%s sessions, room for %s', s.used, s.room)
           || CASE WHEN s.used >= 0.9 * s.room THEN '; put a pooler before the database, or ALTER SYSTEM SET '
                   || 'max_connections higher and restart' ELSE '' END
    FROM (SELECT (SELECT sum(numbackends) FROM pg_stat_database)::integer,
                 current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
         ) AS s (used, room)
    UNION ALL
    SELECT 'blocked_session', COALESCE('session ' || w.pid, 'sessions'), COALESCE(w.seconds, 0), 's',
           CASE WHEN w.pid IS NULL THEN 'ok' ELSE 'wrong' END,
           CASE WHEN w.pid IS NULL THEN 'nobody has waited for a lock for long'
                ELSE format('user %s waits for a %s held by %s; waiting in all: %s', w.usename, w.kind, w.blockers, w.number)
           END
    FROM (SELECT) AS always
    LEFT JOIN LATERAL (
        SELECT l.pid, l.locktype || ' lock' AS kind, a.usename, extract(epoch FROM clock_timestamp() - l.waitstart) AS seconds,
               count(*) OVER () AS number,
               (SELECT string_agg(CASE WHEN b.pid = 0 THEN 'a prepared transaction'
                                       ELSE concat_ws(', ', 'session ' || b.pid, h.usename, h.application_name, h.state) END,
                                  ' and ')
                FROM unnest(pg_blocking_pids(l.pid)) AS b (pid) LEFT JOIN pg_stat_activity h ON h.pid = b.pid) AS blockers
        FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid AND a.datname = current_database()
        WHERE NOT l.granted AND l.waitstart < clock_timestamp() - make_interval(secs => most_seconds)
        ORDER BY l.waitstart LIMIT 1) AS w ON true
    UNION ALL
    SELECT 'rights', 'affine_owner', NULL, NULL, 'advice',
           'state and age of other logins'' sessions are hidden, so an old snapshot may go unnoticed and oldest_snapshot '
           'judges by transactions alone: GRANT pg_read_all_stats TO affine_owner'
    WHERE NOT pg_has_role('affine_owner', 'pg_read_all_stats', 'USAGE')
$$;

-- What a new session of this login in this database would get, whatever the session that looks has set for itself.
-- `below` is in the setting's own unit: pages of 8 kB for shared_buffers, MB for max_wal_size.
CREATE FUNCTION affine.setting_findings() RETURNS SETOF affine.finding LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
    WITH harmful (name, is_bad, below, level, why, cure) AS (VALUES
        ('fsync', 'off', NULL::bigint, 'wrong', 'a crash of the machine can destroy the database', '= on'),
        ('full_page_writes', 'off', NULL, 'wrong', 'a crash of the machine can leave torn pages', '= on'),
        ('synchronous_commit', 'off', NULL, 'wrong', 'a crash can lose reports and verdicts that were acknowledged', '= on'),
        ('autovacuum', 'off', NULL, 'wrong', 'dead rows stay, and who looks at the queue''s head walks over them', '= on'),
        ('track_counts', 'off', NULL, 'wrong', 'autovacuum does not know where to work', '= on'),
        ('default_transaction_isolation', 'repeatable read', NULL, 'wrong', 'claims that meet fail instead of passing by',
         '= ''read committed'''),
        ('default_transaction_isolation', 'serializable', NULL, 'wrong', 'claims that meet fail instead of passing by',
         '= ''read committed'''),
        ('shared_buffers', NULL, 16384, 'wrong', 'less than 128 MB: queue and newest attempts do not stay in memory',
         '= ''1GB'' (a quarter of the memory is usual), and restart'),
        ('max_wal_size', NULL, 1024, 'advice', 'less than 1 GB: checkpoints come often, after which pages are logged whole',
         '= ''4GB'''),
        ('idle_in_transaction_session_timeout', '0', NULL, 'advice',
         'a transaction that somebody forgot holds the oldest snapshot for ever', '= ''10min''')
    ), hurting AS (
        SELECT h.*, current.reset_val AS value, current.unit FROM harmful h JOIN pg_settings current USING (name)
        WHERE current.reset_val = h.is_bad OR CASE WHEN h.below IS NOT NULL THEN current.reset_val::bigint < h.below END
    )
    SELECT 'setting', name, CASE WHEN below IS NOT NULL THEN value::bigint END, unit, level,
           format('%s: %s; ALTER SYSTEM SET %s %s', value, why, name, cure)
    FROM hurting
    UNION ALL
    SELECT 'setting', 'all', NULL, NULL, 'ok', 'none that is known to hurt' WHERE NOT EXISTS (SELECT FROM hurting)
$$;

-- Dead rows of the tables that every job touches. A vacuum that came by and could not remove them is not what is wrong;
-- who holds the oldest snapshot is.
CREATE FUNCTION affine.table_findings() RETURNS SETOF affine.finding LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'dead_tuples', t.schemaname || '.' || t.relname, t.n_dead_tup, 'tuples',
           CASE WHEN t.n_dead_tup <= t.n_live_tup + 100000 THEN 'ok' WHEN v.seconds < 120 THEN 'advice' ELSE 'wrong' END,
           format('beside %s live; %s', t.n_live_tup,
                  COALESCE('last vacuum ' || round(v.seconds) || ' s ago', 'never vacuumed'))
           || CASE WHEN t.n_dead_tup <= t.n_live_tup + 100000 THEN ''
                   WHEN v.seconds < 120 THEN ', which could not remove them all: see oldest_snapshot'
                   ELSE format('; VACUUM %I.%I, and see why autovacuum does not', t.schemaname, t.relname) END
    FROM pg_stat_all_tables t
    CROSS JOIN LATERAL (
        SELECT extract(epoch FROM clock_timestamp() - GREATEST(t.last_vacuum, t.last_autovacuum))) AS v (seconds)
    WHERE t.schemaname = 'affine'
      AND t.relname = ANY (ARRAY['ready', 'lease', 'worker', 'evaluation']::name[]
                           || ARRAY(SELECT ('attempt_window_' || w.id)::name FROM affine.task_window w
                                    WHERE w.state <> 'closed'))
    ORDER BY 2
$$;

-- What waits. A ready row has no time of its own, which would cost every job something: its evaluation's age stands for it.
CREATE FUNCTION affine.ready_findings() RETURNS SETOF affine.finding LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    WITH waiting AS MATERIALIZED (
        SELECT e.id, extract(epoch FROM clock_timestamp() - e.created_at) AS seconds,
               clock_timestamp() > e.deadline_at AS is_late, (l.newest - r.oldest) / 1048576.0 AS lag
        FROM affine.evaluation e
        CROSS JOIN LATERAL (
            SELECT min(head.pass) AS oldest FROM affine.evaluation_environment ee
            CROSS JOIN LATERAL (SELECT min(o.pass) AS pass FROM affine.ready o
                                WHERE o.evaluation = ee.evaluation AND o.environment = ee.environment) AS head
            WHERE ee.evaluation = e.id) AS r
        LEFT JOIN (SELECT evaluation, max(pass) AS newest FROM affine.lease GROUP BY evaluation) AS l ON l.evaluation = e.id
        WHERE e.state = 'running' AND r.oldest IS NOT NULL
    ), live AS (
        SELECT EXISTS (SELECT FROM affine.worker w WHERE w.stopped_at IS NULL
            AND w.seen_at >= clock_timestamp() - make_interval(secs => w.ttl_ms / 1000.0)) AS is_any
    )
    SELECT * FROM (
        SELECT 'floor_lag', 'evaluation ' || w.id, GREATEST(w.lag, 0), 'runs', CASE WHEN w.lag > 1000 THEN 'advice' ELSE 'ok' END,
               CASE WHEN w.lag > 1000
                    THEN 'only a sweep finds the oldest ready run; if this stays, no live worker takes its environment'
                    ELSE 'the oldest ready run lies this far behind the newest leased one' END
        FROM waiting w WHERE w.lag IS NOT NULL ORDER BY w.lag DESC LIMIT 1) AS furthest
    UNION ALL
    SELECT * FROM (
        SELECT 'oldest_ready_age', 'evaluation ' || w.id, w.seconds, 's',
               CASE WHEN w.is_late AND v.is_any THEN 'wrong' WHEN NOT v.is_any THEN 'advice' ELSE 'ok' END,
               CASE WHEN w.is_late AND v.is_any THEN 'its deadline has passed and nobody ends it: run a coordinator'
                    WHEN NOT v.is_any THEN 'it has ready runs, and no worker is live'
                    ELSE 'the oldest evaluation with ready runs' END
        FROM waiting w CROSS JOIN live v ORDER BY w.seconds DESC LIMIT 1) AS oldest
    UNION ALL
    SELECT c, 'queue', 0, u, 'ok', 'no ready run waits' || d
    FROM (VALUES ('floor_lag', 'runs', ' behind a leased one'), ('oldest_ready_age', 's', '')) AS n (c, u, d)
    WHERE NOT EXISTS (SELECT FROM waiting w WHERE c = 'oldest_ready_age' OR w.lag IS NOT NULL)
$$;

-- What a coordinator should have brought back: it looks every second, so five are too many.
CREATE FUNCTION affine.lease_findings() RETURNS SETOF affine.finding LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    WITH counted AS MATERIALIZED (
        SELECT o.number AS overdue, round(o.seconds) AS overdue_s, s.number AS silent, round(s.seconds) AS silent_s
        FROM (SELECT clock_timestamp()) AS present (at)
        CROSS JOIN LATERAL (
            SELECT count(*), extract(epoch FROM present.at - min(l.expires_at))
            FROM affine.lease l WHERE l.expires_at < present.at) AS o (number, seconds)
        CROSS JOIN LATERAL (
            SELECT count(*), extract(epoch FROM present.at - min(w.seen_at + make_interval(secs => w.ttl_ms / 1000.0)))
            FROM affine.worker w
            WHERE w.stopped_at IS NULL AND w.seen_at + make_interval(secs => w.ttl_ms / 1000.0) < present.at
              AND EXISTS (SELECT FROM affine.lease l WHERE l.worker = w.id)) AS s (number, seconds)
    )
    SELECT 'overdue_leases', 'queue', overdue, 'leases', CASE WHEN overdue > 0 AND overdue_s > 5 THEN 'wrong' ELSE 'ok' END,
           CASE WHEN overdue = 0 THEN 'every lease is within its time'
                ELSE format('the oldest for %s s; a coordinator brings them back every second: does one run?', overdue_s) END
    FROM counted
    UNION ALL
    SELECT 'silent_workers', 'queue', silent, 'workers', CASE WHEN silent > 0 AND silent_s > 5 THEN 'wrong' ELSE 'ok' END,
           CASE WHEN silent = 0 THEN 'no silent worker holds leases'
                ELSE format('%s s past their time; a coordinator takes their leases back every second: does one run?',
                            silent_s) END
    FROM counted
$$;

CREATE VIEW ops.database_health AS
SELECT * FROM affine.snapshot_findings() UNION ALL SELECT * FROM affine.table_findings()
UNION ALL SELECT * FROM affine.ready_findings() UNION ALL SELECT * FROM affine.lease_findings()
UNION ALL SELECT * FROM affine.session_findings() UNION ALL SELECT * FROM affine.setting_findings();

COMMENT ON VIEW ops.database_health IS
    'what keeps this database from carrying the queue, one row for each finding; every check has a row';
COMMENT ON COLUMN ops.database_health.check_name IS
    'oldest_snapshot, dead_tuples, floor_lag, oldest_ready_age, overdue_leases, silent_workers, connections, blocked_session, '
    'setting; rights only where something is hidden from affine_owner';
COMMENT ON COLUMN ops.database_health.subject IS
    'whom or what the finding is about: a session, a table, an evaluation, a setting';
COMMENT ON COLUMN ops.database_health.value IS
    'what was measured, in `unit`; null where there is no number. oldest_snapshot: age of the holder''s transaction, null when the '
    'server knows none. floor_lag: how far the oldest ready run lies behind the newest leased one of its evaluation, in runs of an '
    'evaluation of weight 1. oldest_ready_age: the age of the oldest running evaluation that still has ready runs, because a ready '
    'run has no time of its own';
COMMENT ON COLUMN ops.database_health.unit IS
    'the unit of `value`: s, tuples, runs, leases, workers, sessions, or the setting''s own';
COMMENT ON COLUMN ops.database_health.level IS 'ok; advice: better otherwise, nothing is broken; wrong: somebody has to act';
COMMENT ON COLUMN ops.database_health.detail IS
    'in words, and what to do about it; holds no statement and no client address';

-- A view checks its reader for the functions it calls; without USAGE on the schema a dashboard can call them in no other way.
GRANT EXECUTE ON FUNCTION affine.snapshot_findings(double precision), affine.session_findings(double precision),
    affine.setting_findings(), affine.table_findings(), affine.ready_findings(), affine.lease_findings()
    TO affine_coordinator, affine_dashboard;
GRANT SELECT ON ops.database_health TO affine_coordinator, affine_dashboard;

RESET ROLE;
