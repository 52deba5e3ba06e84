-- What the database itself guarantees about the catalogue. Applied by migration 0002 and frozen with
-- it: a change goes into a new file and a new migration.

-- 1. Version -----------------------------------------------------------------------------------
-- Readers keep copies (snapshot.py, the fold's rules) and compare one number. It comes from a
-- sequence, which never goes back: a number seen inside a transaction that then failed is not given
-- to another state. The row lock makes the order of versions the order of commits.

CREATE SEQUENCE catalog_version;

CREATE FUNCTION catalog_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO catalog_catalogversion AS v (id, version, spans_stale)
    VALUES (1, nextval('catalog_version'), true)
    ON CONFLICT (id) DO UPDATE
       SET version = excluded.version, spans_stale = v.spans_stale OR TG_NARGS > 0;
    RETURN NULL;
END $$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['facilityalias', 'system', 'team', 'interface', 'workflow', 'stage',
                                'clock', 'slatarget']
    LOOP
        EXECUTE format('CREATE TRIGGER catalog_changed
            AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %I
            FOR EACH STATEMENT EXECUTE FUNCTION catalog_changed()', 'catalog_' || name);
    END LOOP;
    -- These also decide where the open hours of a place lie.
    FOREACH name IN ARRAY ARRAY['facility', 'businesscalendar', 'calendarhours', 'calendarholiday']
    LOOP
        EXECUTE format('CREATE TRIGGER catalog_changed
            AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %I
            FOR EACH STATEMENT EXECUTE FUNCTION catalog_changed(''spans'')', 'catalog_' || name);
    END LOOP;
END $$;

INSERT INTO catalog_catalogversion (id, version, spans_stale)
VALUES (1, nextval('catalog_version'), true);

-- 2. The tree ----------------------------------------------------------------------------------
-- path is derived, always: whatever a writer puts there is replaced. A row whose path changed
-- touches its children, whose triggers do the same, down to the leaves.

CREATE FUNCTION catalog_facility_place() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    above text := '/';
BEGIN
    IF TG_OP = 'INSERT' OR NEW.parent_id IS DISTINCT FROM OLD.parent_id THEN
        -- Moves take turns: two at once could close a circle that neither sees alone.
        PERFORM FROM catalog_catalogversion WHERE id = 1 FOR UPDATE;
    END IF;
    IF NEW.parent_id IS NOT NULL THEN
        -- No such parent (yet): the foreign key decides at commit, the parent's insert touches us.
        SELECT coalesce(max(path), '/') INTO above FROM catalog_facility WHERE id = NEW.parent_id;
    END IF;
    IF NEW.parent_id = NEW.id OR strpos(above, '/' || NEW.id || '/') > 0 THEN
        RAISE EXCEPTION 'A facility cannot stand below itself.'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'facility_tree_has_no_circle';
    END IF;
    NEW.path := above || NEW.id || '/';
    RETURN NEW;
END $$;

CREATE FUNCTION catalog_facility_carry_children() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.path <> OLD.path THEN
        UPDATE catalog_facility SET path = '' WHERE parent_id = NEW.id;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER facility_place BEFORE INSERT OR UPDATE ON catalog_facility
    FOR EACH ROW EXECUTE FUNCTION catalog_facility_place();
CREATE TRIGGER facility_carry_children AFTER INSERT OR UPDATE ON catalog_facility
    FOR EACH ROW EXECUTE FUNCTION catalog_facility_carry_children();

-- AT TIME ZONE fails on a name the server does not know; the pattern keeps out abbreviations and
-- POSIX strings, which it would accept.
ALTER TABLE catalog_facility ADD CONSTRAINT facility_time_zone_known CHECK (
    time_zone ~ '^(UTC|[A-Za-z_]+(/[A-Za-z0-9_+-]+)+)$'
    AND (timestamptz '2000-01-01 00:00Z' AT TIME ZONE time_zone) IS NOT NULL);

-- 3. Clocks ------------------------------------------------------------------------------------
-- A clock starts and stops at stages of its own workflow.

ALTER TABLE catalog_clock
    ADD CONSTRAINT clock_starts_in_own_workflow FOREIGN KEY (start_stage_id, workflow_id)
        REFERENCES catalog_stage (id, workflow_id) DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT clock_stops_in_own_workflow FOREIGN KEY (stop_stage_id, workflow_id)
        REFERENCES catalog_stage (id, workflow_id) DEFERRABLE INITIALLY DEFERRED;

-- 4. Targets are history -----------------------------------------------------------------------
-- now() is the start of the transaction, so a service that reads it and writes it back agrees.

CREATE FUNCTION catalog_target_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.effective_from <= now() THEN
        -- In force, or past. Its end may move while both the old and the new end lie ahead.
        IF TG_OP = 'DELETE'
           OR ROW(NEW.id, NEW.clock_id, NEW.facility_id, NEW.threshold_seconds, NEW.objective,
                  NEW.effective_from, NEW.why, NEW.created_by_id)
              IS DISTINCT FROM
              ROW(OLD.id, OLD.clock_id, OLD.facility_id, OLD.threshold_seconds, OLD.objective,
                  OLD.effective_from, OLD.why, OLD.created_by_id)
           OR NEW.effective_to IS DISTINCT FROM OLD.effective_to
              AND (OLD.effective_to <= now() OR NEW.effective_to < now())
        THEN
            RAISE EXCEPTION 'A target that is or was in force is history; make a new version.'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'slatarget_history_kept';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    -- A start in the past is for a scope that had no target then: the first seed, an import. (least:
    -- the planner may look at the range before the comparison, and a range must not run backwards.)
    IF NEW.effective_from < now() AND EXISTS (
        SELECT FROM catalog_slatarget t
          LEFT JOIN catalog_facility theirs ON theirs.id = t.facility_id
          LEFT JOIN catalog_facility ours ON ours.id = NEW.facility_id
         WHERE t.clock_id = NEW.clock_id AND t.id <> NEW.id
           AND (t.facility_id IS NULL OR starts_with(ours.path, theirs.path))
           AND tstzrange(t.effective_from, t.effective_to) &&
               tstzrange(least(NEW.effective_from, now()), now()))
    THEN
        RAISE EXCEPTION 'Another target was in force then; a new version starts now or later.'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'slatarget_past_kept';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER target_history BEFORE INSERT OR UPDATE OR DELETE ON catalog_slatarget
    FOR EACH ROW EXECUTE FUNCTION catalog_target_history();

-- 5. What the fold reads -----------------------------------------------------------------------

CREATE VIEW catalog_stage_rule AS
SELECT s.id AS stage_id, s.workflow_id, s.rank, s.phase,
       CASE s.terminal_outcome WHEN 'completed' THEN 1 WHEN 'rejected' THEN 2
            WHEN 'cancelled' THEN 3 ELSE 0 END::smallint AS terminal_outcome,
       s.reopens,
       coalesce(s.id = i.start_stage_id, false) AS starts_integration,
       coalesce(s.rank >= i_stop.rank, false) AS stops_integration,
       coalesce(s.id = b.start_stage_id, false) AS starts_business,
       coalesce(s.rank >= b_stop.rank, false) AS stops_business
  FROM catalog_stage s
  LEFT JOIN catalog_clock i ON i.workflow_id = s.workflow_id AND i.kind = 'integration'
  LEFT JOIN catalog_stage i_stop ON i_stop.id = i.stop_stage_id
  LEFT JOIN catalog_clock b ON b.workflow_id = s.workflow_id AND b.kind = 'business'
  LEFT JOIN catalog_stage b_stop ON b_stop.id = b.stop_stage_id;

-- The target of every facility, also of inactive ones (their work under way keeps its promise).
-- Where several levels have one, the nearest wins for the time it is in force, and only for that
-- time: from each version the periods of nearer versions are cut out.
CREATE VIEW catalog_target_rule AS
WITH lineage AS (
    SELECT f.id AS facility_id, step.id::integer AS ancestor_id, step.depth
      FROM catalog_facility f,
           unnest(string_to_array(btrim(f.path, '/'), '/')) WITH ORDINALITY AS step (id, depth)
), open_hours AS (
    SELECT DISTINCT ON (l.facility_id) l.facility_id, a.calendar_id
      FROM lineage l
      JOIN catalog_facility a ON a.id = l.ancestor_id AND a.calendar_id IS NOT NULL
     ORDER BY l.facility_id, l.depth DESC
), offered AS (
    SELECT l.facility_id, l.depth, t.id AS target_id, t.clock_id,
           tstzrange(t.effective_from, t.effective_to) AS period
      FROM lineage l JOIN catalog_slatarget t ON t.facility_id = l.ancestor_id
     UNION ALL
    SELECT f.id, 0, t.id, t.clock_id, tstzrange(t.effective_from, t.effective_to)
      FROM catalog_facility f CROSS JOIN catalog_slatarget t
     WHERE t.facility_id IS NULL
), ranked AS (
    SELECT offered.*, range_agg(period) OVER (
               PARTITION BY facility_id, clock_id ORDER BY depth DESC
               RANGE UNBOUNDED PRECEDING EXCLUDE GROUP) AS taken
      FROM offered
), held AS (
    SELECT facility_id, target_id, clock_id,
           unnest(CASE WHEN taken IS NULL THEN tstzmultirange(period)
                       ELSE tstzmultirange(period) - taken END) AS period
      FROM ranked
)
SELECT c.workflow_id, h.facility_id,
       CASE c.kind WHEN 'integration' THEN 1 ELSE 2 END::smallint AS clock,
       CASE c.measure WHEN 'elapsed' THEN 1 WHEN 'business' THEN 2 ELSE 3 END::smallint AS measure,
       t.threshold_seconds, t.objective,
       lower(h.period) AS effective_from, upper(h.period) AS effective_to,
       o.calendar_id, f.time_zone
  FROM held h
  JOIN catalog_slatarget t ON t.id = h.target_id
  JOIN catalog_clock c ON c.id = h.clock_id
  JOIN catalog_facility f ON f.id = h.facility_id
  LEFT JOIN open_hours o ON o.facility_id = h.facility_id;

-- 6. Due times ---------------------------------------------------------------------------------
-- sla.py is the oracle: tests/catalog compares the two on random calendars, zones and moments.

-- Open seconds from a start: two index look-ups on the open-time axis, one for where the start stands
-- (a closed moment stands at the end of the last span), one for the span that holds the position
-- `threshold` later. A position on the seam of two spans belongs to the earlier: due at closing.
-- Exact to the microsecond. NULL or no row where the spans do not reach. It returns a set because
-- the planner inlines those into the query around them, index look-ups included.
CREATE FUNCTION catalog_business_dues(
    start_at timestamptz, threshold bigint, calendar integer, zone text
) RETURNS TABLE (due_at timestamptz) LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT CASE WHEN due.at <= due.closes_at THEN due.at END
      FROM (SELECT open_seconds_before AS before, least(start_at, closes_at) - opens_at AS into
              FROM catalog_calendarspan
             WHERE calendar_id = calendar AND time_zone = zone AND opens_at <= start_at
             ORDER BY opens_at DESC LIMIT 1) AS here,
   LATERAL (SELECT closes_at, opens_at + here.into
                   + (here.before + threshold - open_seconds_before) * interval '1 second' AS at
              FROM catalog_calendarspan
             WHERE calendar_id = calendar AND time_zone = zone
               AND open_seconds_before
                   < here.before + threshold + ceil(extract(epoch FROM here.into))::bigint
             ORDER BY open_seconds_before DESC LIMIT 1) AS due
$$;

CREATE FUNCTION catalog_business_due(
    start_at timestamptz, threshold bigint, calendar integer, zone text
) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT due_at FROM catalog_business_dues(start_at, threshold, calendar, zone)
$$;

-- The first moment, at or after the start, whose local time is `threshold` seconds past midnight. A
-- time the clocks skip or repeat is read as the later of its two readings. One expression, so that
-- it is inlined, too.
CREATE FUNCTION catalog_time_of_day_due(
    start_at timestamptz, threshold bigint, zone text
) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE
           WHEN (date_trunc('day', start_at AT TIME ZONE zone) + threshold * interval '1 second')
                AT TIME ZONE zone >= start_at
           THEN (date_trunc('day', start_at AT TIME ZONE zone) + threshold * interval '1 second')
                AT TIME ZONE zone
           ELSE (date_trunc('day', start_at AT TIME ZONE zone) + interval '1 day'
                 + threshold * interval '1 second') AT TIME ZONE zone END
$$;

-- Measures: 1 elapsed, 2 open hours, 3 local time of day. For a row or a few.
CREATE FUNCTION catalog_due(
    measure smallint, start timestamptz, threshold_seconds bigint, calendar_id integer,
    time_zone text
) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE measure
           WHEN 1 THEN start + threshold_seconds * interval '1 second'
           WHEN 2 THEN catalog_business_due(start, threshold_seconds, calendar_id, time_zone)
           WHEN 3 THEN catalog_time_of_day_due(start, threshold_seconds, time_zone) END
$$;

-- The same for sets: JOIN LATERAL catalog_dues(...) ON true is inlined whole. Open hours then cost
-- about a fifth of what the call above does (docs/catalog.md), the other measures an addition.
CREATE FUNCTION catalog_dues(
    measure smallint, start timestamptz, threshold_seconds bigint, calendar_id integer,
    time_zone text
) RETURNS TABLE (due_at timestamptz) LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT CASE measure
           WHEN 1 THEN start + threshold_seconds * interval '1 second'
           WHEN 2 THEN (SELECT b.due_at FROM catalog_business_dues(
                            start, threshold_seconds, calendar_id, time_zone) AS b)
           WHEN 3 THEN catalog_time_of_day_due(start, threshold_seconds, time_zone) END
$$;
