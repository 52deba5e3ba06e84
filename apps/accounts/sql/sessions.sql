-- Whoever changes a password or closes an account, and by whatever means, ends the sessions with it.
-- The one in which a person changes their own gets a new key, and so a row of its own, just after.
CREATE FUNCTION accounts_end_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM accounts_session WHERE user_id = NEW.id;
    RETURN NULL;
END $$;

CREATE TRIGGER accounts_end_sessions
 AFTER UPDATE OF password, is_active ON accounts_user
   FOR EACH ROW
  WHEN (OLD.password IS DISTINCT FROM NEW.password OR (OLD.is_active AND NOT NEW.is_active))
EXECUTE FUNCTION accounts_end_sessions();

-- Django's cache in the database: how often an account or an address failed to sign in, and codes
-- that were used already. All processes of all hosts share it, and no broker is needed for it.
CREATE TABLE accounts_cache (
    cache_key varchar(255) PRIMARY KEY,
    value text NOT NULL,
    expires timestamptz NOT NULL
);
-- Read by the culling of what expired.
CREATE INDEX accounts_cache_expires ON accounts_cache (expires);
