-- migrate:up
-- What phones follow is written as JSON where it is read. Each is one expression, which the planner puts in the place of the call.

CREATE FUNCTION decimal_text(hundredths integer) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN round(hundredths / 100.0, 2)::text;
COMMENT ON FUNCTION decimal_text IS 'Hundredths as the API says them: with two decimals';

CREATE FUNCTION instant_text(instant timestamptz) RETURNS text LANGUAGE sql STABLE
    RETURN replace(to_char(instant AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '.000000Z', 'Z');
COMMENT ON FUNCTION instant_text IS 'An instant as the API says it: UTC, to the microsecond, which is left out when it is a whole second';
