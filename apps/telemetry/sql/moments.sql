-- Reader: the messages behind a figure, an hour or a minute at a time. They are stored about as they
-- happen, so a summary of every few pages finds them, and a fold pays nothing that can be measured; an
-- index of rows would cost it a fifth of storing an event.
CREATE INDEX event_moments ON telemetry_event USING brin (occurred_at)
  WITH (pages_per_range = 16, autosummarize = on);
