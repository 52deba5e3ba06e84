-- What the database itself guarantees about routing rules and deadlines. Applied by migration 0011
-- and frozen with it: a change goes into a new file and a new migration.

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['routingrule', 'deadlinerule'] LOOP
        EXECUTE format('CREATE TRIGGER catalog_changed
            AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %I
            FOR EACH STATEMENT EXECUTE FUNCTION catalog_changed()', 'catalog_' || name);
    END LOOP;
END $$;

-- Which rule won is on the cases: a rule that was in force stays readable as it was.
CREATE FUNCTION catalog_routing_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.effective_from > now() THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'DELETE'
       OR to_jsonb(NEW) - 'effective_to' IS DISTINCT FROM to_jsonb(OLD) - 'effective_to'
       OR NEW.effective_to IS DISTINCT FROM OLD.effective_to
          AND (OLD.effective_to <= now() OR NEW.effective_to < now())
    THEN
        RAISE EXCEPTION 'A rule that is or was in force is history; make a new version.'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'routingrule_history_kept';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER routing_history BEFORE UPDATE OR DELETE ON catalog_routingrule
    FOR EACH ROW EXECUTE FUNCTION catalog_routing_history();
