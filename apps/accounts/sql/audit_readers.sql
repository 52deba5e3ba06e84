-- Readers of the audit page ask for groups of acts, newest first, of everybody or of one person: an
-- index for each, so that a page is a few probes however long the trail is.
CREATE INDEX audit_by_group ON accounts_auditevent (split_part(act, '.', 1), at DESC, id DESC);
CREATE INDEX audit_by_actor_group
    ON accounts_auditevent (actor_id, split_part(act, '.', 1), at DESC, id DESC);
DROP INDEX audit_by_act, audit_by_actor;
