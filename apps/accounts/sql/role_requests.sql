-- Who asked for a sensitive role and who decided is a record: written, decided once, kept.

CREATE FUNCTION accounts_decided_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.state = 'pending' AND NEW.state <> 'pending'
           AND to_jsonb(OLD) - '{state,decided_by_id,decided_at,remark}'::text[]
             = to_jsonb(NEW) - '{state,decided_by_id,decided_at,remark}'::text[] THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'A request is decided once and kept.'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'role_request_kept';
END $$;

CREATE TRIGGER role_request_kept BEFORE UPDATE OR DELETE ON accounts_rolerequest
    FOR EACH ROW EXECUTE FUNCTION accounts_decided_once();

CREATE FUNCTION accounts_review_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'A review is signed once and kept.'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'review_kept';
END $$;

CREATE TRIGGER review_kept BEFORE UPDATE OR DELETE ON accounts_accessreview
    FOR EACH ROW EXECUTE FUNCTION accounts_review_is_kept();
