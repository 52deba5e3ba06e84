-- The audit trail: who did what, when, to what. Rows are added and never changed. What may still be
-- written once is a row's place in the chain, which a sealer gives it within seconds of its commit:
-- a lock held until the end of whoever records something would make every sign-in wait for it.
-- No foreign keys: what is recorded must outlive whom and what it names.

CREATE TABLE accounts_auditevent (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    actor_id bigint,
    -- As they were called at the time.
    actor text NOT NULL,
    act text NOT NULL,
    -- An opaque name of what it was done to, such as user:7 or key:src_abcd.
    object text NOT NULL DEFAULT '',
    facility_id integer,
    facts jsonb NOT NULL DEFAULT '{}',
    -- The network the request came from, or the process that acted by itself.
    origin text NOT NULL DEFAULT '',
    request text NOT NULL DEFAULT '',
    -- Of all that stands above, under a key that is not in the database: nobody can add a row by hand.
    mac bytea NOT NULL,
    seq bigint CONSTRAINT audit_place_once UNIQUE,
    hash bytea,
    CONSTRAINT audit_sealed_whole CHECK ((seq IS NULL) = (hash IS NULL))
);
-- Readers: the audit page, newest first, of everybody, of some acts, of a person, about something.
CREATE INDEX audit_newest ON accounts_auditevent (at DESC, id DESC);
CREATE INDEX audit_by_act ON accounts_auditevent (act, at DESC, id DESC);
CREATE INDEX audit_by_actor ON accounts_auditevent (actor_id, at DESC, id DESC);
CREATE INDEX audit_about ON accounts_auditevent (object, at DESC, id DESC) WHERE object <> '';
-- Reader: the sealer, oldest first.
CREATE INDEX audit_unsealed ON accounts_auditevent (at, id) WHERE seq IS NULL;

CREATE FUNCTION accounts_audit_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.seq IS NULL AND NEW.seq IS NOT NULL
           AND to_jsonb(OLD) - '{seq,hash}'::text[] = to_jsonb(NEW) - '{seq,hash}'::text[] THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'The audit trail is only added to.'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'audit_kept';
END $$;

CREATE TRIGGER audit_kept BEFORE UPDATE OR DELETE ON accounts_auditevent
    FOR EACH ROW EXECUTE FUNCTION accounts_audit_is_kept();
CREATE TRIGGER audit_kept_whole BEFORE TRUNCATE ON accounts_auditevent
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_audit_is_kept();
