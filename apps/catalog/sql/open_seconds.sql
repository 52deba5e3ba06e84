-- How far into all open time a moment lies: what lies between two moments is their difference, in
-- open seconds. The same axis as catalog_business_dues, read the other way round. A closed moment
-- stands at the end of the last span. No row before the first span. Applied by migration 0009 and
-- frozen with it.
CREATE FUNCTION catalog_open_position(
    moment timestamptz, calendar integer, zone text
) RETURNS TABLE (seconds numeric) LANGUAGE sql STABLE PARALLEL SAFE ROWS 1 AS $$
    SELECT open_seconds_before + extract(epoch FROM least(moment, closes_at) - opens_at)
      FROM catalog_calendarspan
     WHERE calendar_id = calendar AND time_zone = zone AND opens_at <= moment
     ORDER BY opens_at DESC LIMIT 1
$$;
