-- What the database itself guarantees about kinds of exceptions. Applied by migration 0008 and
-- frozen with it: a change goes into a new file and a new migration.

-- 1. Version: readers keep copies of these, too.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['exceptionkind', 'playbook', 'errorsignal'] LOOP
        EXECUTE format('CREATE TRIGGER catalog_changed
            AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %I
            FOR EACH STATEMENT EXECUTE FUNCTION catalog_changed()', 'catalog_' || name);
    END LOOP;
END $$;

-- 2. Playbooks are history: a case was worked under the words of its day.
CREATE FUNCTION catalog_playbook_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.effective_from > now() THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'DELETE'
       OR to_jsonb(NEW) - 'effective_to' IS DISTINCT FROM to_jsonb(OLD) - 'effective_to'
       OR NEW.effective_to IS DISTINCT FROM OLD.effective_to
          AND (OLD.effective_to <= now() OR NEW.effective_to < now())
    THEN
        RAISE EXCEPTION 'A playbook that is or was in force is history; make a new version.'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'playbook_history_kept';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER playbook_history BEFORE UPDATE OR DELETE ON catalog_playbook
    FOR EACH ROW EXECUTE FUNCTION catalog_playbook_history();

-- 3. What a native code means. The pattern that spells out most wins, then the longer code, then
-- what is bound to a workflow or a kind of system. No row: nobody has said yet.
CREATE FUNCTION catalog_pattern(pattern text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN replace(regexp_replace(pattern, '([\\%_])', '\\\1', 'g'), '*', '%');

CREATE VIEW catalog_signal_rule AS
SELECT id AS signal_id, kind_id, error_class, workflow_id, NULLIF(target, '') AS target,
       catalog_pattern(standard) AS standard, catalog_pattern(code) AS code,
       catalog_pattern(location) AS location,
       length(replace(code || location, '*', '')) AS spelled_out,
       length(replace(code, '*', '')) AS of_the_code,
       (workflow_id IS NOT NULL)::integer + (target <> '')::integer AS bound
  FROM catalog_errorsignal;

CREATE FUNCTION catalog_meaning(
    of_standard text, of_code text, of_location text, of_workflow bigint, of_target text
) RETURNS TABLE (kind_id bigint, error_class varchar, signal_id bigint)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT kind_id, error_class, signal_id FROM catalog_signal_rule r
     WHERE of_standard LIKE r.standard AND of_code LIKE r.code AND of_location LIKE r.location
       AND (r.workflow_id IS NULL OR r.workflow_id = of_workflow)
       AND (r.target IS NULL OR r.target = of_target)
     ORDER BY spelled_out DESC, of_the_code DESC, bound DESC, signal_id LIMIT 1
$$;
