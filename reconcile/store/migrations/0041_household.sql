-- migrate:up
-- A household reads everything that is held of it, and who looked at it (ADR 0037).

-- What the household's login could not read yet of its own: whether anybody is told.
CREATE POLICY enrolment_of_parent ON enrolment FOR SELECT TO kot_parent USING (household_id = own_household());
GRANT SELECT ON enrolment TO kot_parent;
CREATE POLICY stage_of_parent ON stage FOR SELECT TO kot_parent
    USING ((pilot_id, stage_number) IN (SELECT enrolment.pilot_id, enrolment.stage_number FROM enrolment));
CREATE POLICY pilot_of_parent ON pilot FOR SELECT TO kot_parent USING (pilot_id IN (SELECT enrolment.pilot_id FROM enrolment));
GRANT SELECT (pilot_id, stage_number, mode, state, drawn_at, released_at, paused_at) ON stage TO kot_parent;
GRANT SELECT (pilot_id, name) ON pilot TO kot_parent;

-- One definition of a link that tells of reading alone: for who looked, and for when anything last changed.
CREATE FUNCTION is_reading(event jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE
    RETURN event ->> 'action' IN ('read', 'explained', 'sampled', 'exported');
COMMENT ON FUNCTION is_reading IS 'Whether an event of the audit says that something was read, and nothing changed';

-- Who of the service, of TVS or among proxies it was by name is not the household's to know; which parent it was, or was represented, is.
CREATE FUNCTION actor_kind(event jsonb) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN event ->> 'actor' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN 'parent'
        ELSE split_part(event ->> 'actor', ' ', 1) END;
COMMENT ON FUNCTION actor_kind IS 'What kind of actor an event of the audit names: parent, proxy, tvs, operator, organisation, stage, rules or forward';

CREATE FUNCTION person_of(event jsonb) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN coalesce(event ->> 'represents', CASE actor_kind(event) WHEN 'parent' THEN event ->> 'actor' END);
COMMENT ON FUNCTION person_of IS 'The parent of the household whom an event of the audit names, as who acted or as who was represented';

-- The processing log (ADR 0037): what a request leaves to a worker stays in the trace of the request.
ALTER TABLE outbox ADD COLUMN trace_parent text;
ALTER TABLE outbox ALTER COLUMN trace_parent SET DEFAULT nullif(current_setting('app.traceparent', true), '');
COMMENT ON COLUMN outbox.trace_parent IS 'The trace of the request that made it (W3C traceparent), when a processing log was kept';
