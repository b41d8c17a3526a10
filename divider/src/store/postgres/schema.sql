-- The tables and functions of the store, in the schema that DIVIDER stands for. A client calls the
-- functions of the version that it knows, so that nodes of two versions can run at the same time.

CREATE SCHEMA IF NOT EXISTS DIVIDER;

CREATE TABLE DIVIDER.schema_version (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    version integer NOT NULL
);

-- One row for each group. Each write of the group locks its row until the commit, so that revisions
-- become visible in their order.
CREATE TABLE DIVIDER.groups (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    -- With the id it tells this log from another one of the same name.
    created_ns bigint NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000,
    -- The timeline of the server at the last write.
    timeline text COLLATE "C" NOT NULL DEFAULT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8),
    last bigint NOT NULL DEFAULT 0,
    -- The highest revision among the records that were swept.
    swept bigint NOT NULL DEFAULT 0,
    swept_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    bytes bigint NOT NULL DEFAULT 0,
    -- What would grow the group beyond it is refused.
    max_bytes bigint
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

CREATE TABLE DIVIDER.records (
    group_id bigint NOT NULL REFERENCES DIVIDER.groups ON DELETE CASCADE,
    name text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    -- NULL: a tombstone.
    value bytea,
    ttl_s bigint,
    expires_s bigint,
    stored_at timestamptz NOT NULL,
    removed_at timestamptz,
    bytes integer NOT NULL,
    PRIMARY KEY (group_id, name)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000,
        autovacuum_analyze_scale_factor = 0.1);
CREATE UNIQUE INDEX records_by_revision ON DIVIDER.records (group_id, revision);
CREATE INDEX records_by_end ON DIVIDER.records (group_id, removed_at) WHERE removed_at IS NOT NULL;

CREATE TABLE DIVIDER.history (
    group_id bigint NOT NULL REFERENCES DIVIDER.groups ON DELETE CASCADE,
    number bigint GENERATED ALWAYS AS IDENTITY,
    id text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    value bytea NOT NULL,
    PRIMARY KEY (group_id, number)
);
CREATE INDEX history_by_time ON DIVIDER.history (group_id, at);

CREATE SEQUENCE DIVIDER.checkpoint_revisions;
CREATE TABLE DIVIDER.checkpoints (
    group_id bigint NOT NULL REFERENCES DIVIDER.groups ON DELETE CASCADE,
    key text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    token numeric(20) NOT NULL,
    -- Whether there is a content. Without one, the record was deleted.
    is_saved boolean NOT NULL,
    value bytea,
    positions text COLLATE "C" NOT NULL,
    removed_at timestamptz,
    PRIMARY KEY (group_id, key)
);
CREATE INDEX checkpoints_by_end ON DIVIDER.checkpoints (group_id, removed_at)
    WHERE removed_at IS NOT NULL;

-- Applies writes in their order, each one a compare-and-set of its own; no name is in it twice. The
-- result has the revision of each, or 0 for a conflict, or -1 where the group is full. NULL: there
-- is no such group.
CREATE FUNCTION DIVIDER.write_v1(
    of_group text, names text[], new_values bytea[], expected bigint[], ttls bigint[], ends bigint[],
    channel text
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    log DIVIDER.groups;
    now_at timestamptz;
    line text;
    revisions bigint[];
    written bigint;
    grown bigint;
BEGIN
    -- With another level a write would not see what was committed while it waited for the lock.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the isolation level must be read committed: %',
            current_setting('transaction_isolation') USING ERRCODE = 'DV001';
    END IF;
    -- What is acknowledged is on the disk, also where the database's default is otherwise.
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    SELECT * INTO log FROM DIVIDER.groups WHERE groups.name = of_group FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    now_at := clock_timestamp();
    -- A standby that was promoted may lack the last commits: it must not use their revisions again.
    line := substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8);
    IF line <> log.timeline THEN
        log.last := log.last + 4294967296;
    END IF;
    WITH wanted AS (
        SELECT * FROM unnest(names, new_values, expected, ttls, ends) WITH ORDINALITY
            AS w (name, value, expected, ttl_s, expires_s, place)
    ), fitting AS (
        SELECT wanted.*, coalesce(stored.bytes, 0) AS bytes_before,
            octet_length(wanted.name) + coalesce(octet_length(wanted.value), 0) + 64 AS bytes
        FROM wanted LEFT JOIN DIVIDER.records AS stored
            ON stored.group_id = log.id AND stored.name = wanted.name
        WHERE wanted.expected IS NULL OR wanted.expected =
            CASE WHEN stored.name IS NULL OR stored.removed_at <= now_at THEN 0
            ELSE stored.revision END
    ), sized AS (
        SELECT *, log.bytes + sum(greatest(bytes - bytes_before, 0)) OVER (ORDER BY place) AS bytes_after
        FROM fitting
    ), taken AS (
        SELECT *, log.last + row_number() OVER (ORDER BY place) AS revision FROM sized
        WHERE log.max_bytes IS NULL OR bytes <= bytes_before OR bytes_after <= log.max_bytes
    ), stored AS (
        INSERT INTO DIVIDER.records
            (group_id, name, revision, value, ttl_s, expires_s, stored_at, removed_at, bytes)
        SELECT log.id, t.name, t.revision, t.value, t.ttl_s, t.expires_s, now_at,
            now_at + t.ttl_s * interval '1 second', t.bytes
        FROM taken AS t
        ON CONFLICT (group_id, name) DO UPDATE SET
            revision = excluded.revision, value = excluded.value, ttl_s = excluded.ttl_s,
            expires_s = excluded.expires_s, stored_at = excluded.stored_at,
            removed_at = excluded.removed_at, bytes = excluded.bytes
    )
    SELECT array_agg(
            coalesce(taken.revision, CASE WHEN fitting.place IS NULL THEN 0 ELSE -1 END)
            ORDER BY wanted.place
        ), count(taken.revision), coalesce(sum(taken.bytes - taken.bytes_before), 0)
    INTO revisions, written, grown
    FROM wanted LEFT JOIN fitting ON fitting.place = wanted.place
        LEFT JOIN taken ON taken.place = wanted.place;
    IF written > 0 THEN
        UPDATE DIVIDER.groups SET
            last = log.last + written, timeline = line, bytes = groups.bytes + grown
        WHERE groups.id = log.id;
        IF channel IS NOT NULL THEN
            PERFORM pg_notify(channel, '');
        END IF;
    END IF;
    RETURN revisions;
END $$;

-- The next records after a revision, in the order of revisions, and where the log is. Up to the
-- revision `fresh`, what has expired is left out. One row without a record: there are none. No row:
-- there is no such group.
CREATE FUNCTION DIVIDER.page_v1(
    of_group text, after bigint, fresh bigint, only_names text[], only_prefixes text[], most integer
) RETURNS TABLE (
    id bigint, created_ns bigint, last bigint, swept bigint, server_started timestamptz,
    name text, revision bigint, value bytea, ttl_s bigint, expires_s bigint, age_us bigint
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    log DIVIDER.groups;
    now_at timestamptz := clock_timestamp();
BEGIN
    SELECT * INTO log FROM DIVIDER.groups WHERE groups.name = of_group;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF log.last > after THEN
        RETURN QUERY SELECT log.id, log.created_ns, log.last, log.swept, pg_postmaster_start_time(),
            r.name, r.revision, r.value, r.ttl_s, r.expires_s,
            (extract(epoch FROM now_at - r.stored_at) * 1000000)::bigint
        FROM DIVIDER.records AS r
        WHERE r.group_id = log.id AND r.revision > after
            AND (r.revision > coalesce(fresh, log.last) OR r.removed_at IS NULL OR r.removed_at > now_at)
            AND (only_names IS NULL OR r.name = ANY (only_names)
                OR EXISTS (SELECT 1 FROM unnest(only_prefixes) AS p WHERE starts_with(r.name, p)))
        ORDER BY r.revision LIMIT most;
    END IF;
    IF log.last <= after OR NOT FOUND THEN
        RETURN QUERY SELECT log.id, log.created_ns, log.last, log.swept, pg_postmaster_start_time(),
            NULL::text, NULL::bigint, NULL::bytea, NULL::bigint, NULL::bigint, NULL::bigint;
    END IF;
END $$;

-- Removes what expired a while ago, unless that was done lately or is being done.
CREATE FUNCTION DIVIDER.sweep_v1(of_group text, keep_s bigint, history_s bigint, history_most bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    log DIVIDER.groups;
    highest bigint;
    removed bigint;
    freed bigint;
BEGIN
    SELECT * INTO log FROM DIVIDER.groups WHERE groups.name = of_group;
    IF NOT FOUND OR log.swept_at > clock_timestamp() - interval '5 seconds'
        OR NOT pg_try_advisory_xact_lock(hashtext('divider sweep'), log.id::integer) THEN
        RETURN 0;
    END IF;
    SELECT * INTO log FROM DIVIDER.groups WHERE groups.id = log.id FOR UPDATE;
    WITH due AS (
        SELECT r.name FROM DIVIDER.records AS r
        WHERE r.group_id = log.id AND r.removed_at < clock_timestamp() - keep_s * interval '1 second'
        ORDER BY r.removed_at LIMIT 2000
    ), gone AS (
        DELETE FROM DIVIDER.records AS r USING due
        WHERE r.group_id = log.id AND r.name = due.name RETURNING r.revision, r.bytes
    )
    SELECT max(gone.revision), count(*), coalesce(sum(gone.bytes), 0)
    INTO highest, removed, freed FROM gone;
    UPDATE DIVIDER.groups SET swept = greatest(groups.swept, coalesce(highest, 0)),
        swept_at = CASE WHEN removed < 2000 THEN clock_timestamp() ELSE groups.swept_at END,
        bytes = groups.bytes - freed
    WHERE groups.id = log.id;
    DELETE FROM DIVIDER.checkpoints AS c WHERE c.group_id = log.id AND c.removed_at < clock_timestamp();
    DELETE FROM DIVIDER.history AS h
    WHERE h.group_id = log.id AND (h.at < clock_timestamp() - history_s * interval '1 second'
        OR h.number <= (SELECT n.number FROM DIVIDER.history AS n WHERE n.group_id = log.id
            ORDER BY n.number DESC OFFSET history_most LIMIT 1));
    RETURN removed;
END $$;

-- Appends an entry, unless one with the same id was appended in the last two minutes. False: there
-- is no such group.
CREATE FUNCTION DIVIDER.append_history_v1(of_group text, entry_id text, entry bytea)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    log_id bigint;
BEGIN
    SELECT groups.id INTO log_id FROM DIVIDER.groups WHERE groups.name = of_group;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    -- Numbers become visible in their order.
    PERFORM pg_advisory_xact_lock(hashtext('divider history'), log_id::integer);
    INSERT INTO DIVIDER.history (group_id, id, at, value)
    SELECT log_id, entry_id, clock_timestamp(), entry
    WHERE NOT EXISTS (SELECT 1 FROM DIVIDER.history AS h WHERE h.group_id = log_id
        AND h.at > clock_timestamp() - interval '2 minutes' AND h.id = entry_id);
    RETURN true;
END $$;

-- Writes a checkpoint over the expected revision. The result is the new revision, or 0 for a
-- conflict. NULL: there is no such group.
CREATE FUNCTION DIVIDER.write_checkpoint_v1(
    of_group text, of_key text, expected bigint, new_token text, saved boolean, new_value bytea,
    new_positions text, ttl_s bigint
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    log_id bigint;
    found_revision bigint;
    new_revision bigint;
    now_at timestamptz;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the isolation level must be read committed: %',
            current_setting('transaction_isolation') USING ERRCODE = 'DV001';
    END IF;
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    SELECT groups.id INTO log_id FROM DIVIDER.groups WHERE groups.name = of_group;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(of_key, log_id));
    now_at := clock_timestamp();
    SELECT c.revision INTO found_revision FROM DIVIDER.checkpoints AS c
    WHERE c.group_id = log_id AND c.key = of_key AND (c.removed_at IS NULL OR c.removed_at > now_at);
    IF coalesce(found_revision, 0) <> expected THEN
        RETURN 0;
    END IF;
    new_revision := nextval('DIVIDER.checkpoint_revisions');
    INSERT INTO DIVIDER.checkpoints AS c
        (group_id, key, revision, token, is_saved, value, positions, removed_at)
    VALUES (log_id, of_key, new_revision, new_token::numeric, saved, new_value, new_positions,
        now_at + ttl_s * interval '1 second')
    ON CONFLICT (group_id, key) DO UPDATE SET revision = excluded.revision, token = excluded.token,
        is_saved = excluded.is_saved, value = excluded.value, positions = excluded.positions,
        removed_at = excluded.removed_at;
    RETURN new_revision;
END $$;

INSERT INTO DIVIDER.schema_version (version) VALUES (1);
