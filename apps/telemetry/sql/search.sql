-- What finding a transaction by one of its numbers needs beside the data path.

-- The transaction an event went to, beside the key that lets it in: a message id is found by the same
-- key. Nothing for signals, which belong to none. (docs/pages.md says what an index would have cost.)
ALTER TABLE telemetry_eventkey ADD COLUMN transaction_id uuid;
UPDATE telemetry_eventkey k SET transaction_id = e.transaction_id
  FROM telemetry_event e WHERE e.event_key = k.event_key;

-- Words that senders use, without which no key can be computed from what somebody types:
-- 1 CloudEvents sources, 2 kinds of business keys.
CREATE TABLE telemetry_senderword (
    kind smallint NOT NULL,
    source_id integer NOT NULL,
    word text NOT NULL,
    CONSTRAINT sender_word_once PRIMARY KEY (kind, source_id, word)
);
INSERT INTO telemetry_senderword SELECT DISTINCT 1, source_id, ce_source FROM telemetry_event;
INSERT INTO telemetry_senderword SELECT DISTINCT 2, 0, kind FROM telemetry_businesskey;

-- Searches of the last hours: what an address names instead of what was searched.
CREATE TABLE telemetry_search (
    token text CONSTRAINT search_once PRIMARY KEY,
    user_id bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    -- Its end and what it was, as the person sees it again.
    label text NOT NULL,
    found text NOT NULL,
    hits smallint NOT NULL,
    -- The text itself, encrypted; nothing once the person cleared it.
    sealed bytea
);
-- Readers: recent searches of a person; how many they made lately.
CREATE INDEX search_of_user ON telemetry_search (user_id, at DESC);
-- Reader: forgetting what is over.
CREATE INDEX search_age ON telemetry_search (at);
