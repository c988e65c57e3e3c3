-- Pilots, their stages, and who is drawn into them.

-- name: insert_pilot
INSERT INTO pilot (name, seed)
VALUES ($1, $2)
ON CONFLICT (name) DO NOTHING
RETURNING pilot_id, name, seed, recorded_at;

-- name: pilots
SELECT pilot_id, name, seed, recorded_at
FROM pilot
WHERE $1::uuid IS NULL OR pilot_id = $1
ORDER BY recorded_at, pilot_id;

-- name: lock_pilot
SELECT pilot_id, name, seed, recorded_at
FROM pilot
WHERE pilot_id = $1
FOR UPDATE;

-- name: lock_drawing
-- One draw at a time over all pilots: a household is in one of them at most.
SELECT pg_advisory_xact_lock(hashtext('kot.drawing'));

-- name: draw_stage
-- Candidates are the households that are in no pilot; their numbers in order are the list that the draw can be repeated from. Drawn
-- are the first so many by SHA-256 of seed, slash and number, and by nothing else.
WITH candidate AS MATERIALIZED (
    SELECT household_id
    FROM household
    WHERE NOT deleted AND NOT EXISTS (SELECT FROM enrolment WHERE enrolment.household_id = household.household_id)
), staged AS (
    INSERT INTO stage (pilot_id, stage_number, size, mode, candidate_count, candidates_sha256)
    SELECT $1, $2, $3, $4, count(*), sha256(convert_to(coalesce(string_agg(household_id::text, E'\n' ORDER BY household_id), ''), 'UTF8'))
    FROM candidate
    RETURNING pilot_id, stage_number
), drawn AS (
    INSERT INTO enrolment (household_id, pilot_id, stage_number)
    SELECT candidate.household_id, staged.pilot_id, staged.stage_number
    FROM candidate
    CROSS JOIN staged
    ORDER BY sha256(convert_to($5 || '/' || candidate.household_id::text, 'UTF8')), candidate.household_id
    LIMIT $6
    RETURNING household_id
)
SELECT count(*) FROM drawn;

-- name: stages
-- With how many households each added, how many of them have a notice, and what became of the pushes.
SELECT stage.pilot_id, stage.stage_number, stage.size, stage.mode, stage.state, stage.candidate_count, stage.candidates_sha256,
    stage.drawn_at, stage.released_at, stage.paused_at, stage.announced_at,
    (
        SELECT count(*) FROM enrolment
        WHERE enrolment.pilot_id = stage.pilot_id AND enrolment.stage_number = stage.stage_number
    ) AS added,
    (
        SELECT count(*) FROM notice
        WHERE notice.pilot_id = stage.pilot_id AND notice.stage_number = stage.stage_number AND NOT notice.deleted
    ) AS notices,
    pushes.waiting, pushes.sent, pushes.cancelled, pushes.failed
FROM stage
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE outbox.state = 'open') AS waiting, count(*) FILTER (WHERE outbox.state = 'done') AS sent,
        count(*) FILTER (WHERE outbox.state = 'cancelled') AS cancelled,
        count(*) FILTER (WHERE outbox.state IN ('refused', 'dead')) AS failed
    FROM notice
    JOIN push ON push.household_id = notice.household_id AND push.notice_id = notice.notice_id
    JOIN outbox ON outbox.household_id = push.household_id AND outbox.kind = 'push' AND outbox.subject_id = push.push_id
    WHERE notice.pilot_id = stage.pilot_id AND notice.stage_number = stage.stage_number
) AS pushes
WHERE $1::uuid IS NULL OR stage.pilot_id = $1
ORDER BY stage.pilot_id, stage.stage_number;

-- name: stage_states
SELECT stage_number, size, state
FROM stage
WHERE pilot_id = $1
ORDER BY stage_number;

-- name: release_stage
-- The worker looks at every household of it, from the first.
UPDATE stage
SET state = 'released', released_at = statement_timestamp(), paused_at = NULL, announced_until = NULL, announced_at = NULL
WHERE pilot_id = $1 AND stage_number = $2;

-- name: pause_stage
UPDATE stage
SET state = 'paused', paused_at = statement_timestamp()
WHERE pilot_id = $1 AND stage_number = $2;

-- name: record_pilot_event
-- One link of the pilot's audit chain; the pilot is locked.
WITH acted AS (
    SELECT pilot_id, audit_number + 1 AS number, audit_hash AS previous_hash, statement_timestamp() AS recorded_at, $2::text::jsonb AS event
    FROM pilot
    WHERE pilot_id = $1
), audited AS (
    INSERT INTO pilot_audit (pilot_id, number, recorded_at, event, previous_hash, hash)
    SELECT pilot_id, number, recorded_at, event, previous_hash, audit_link(previous_hash, number, recorded_at, event)
    FROM acted
    RETURNING pilot_id, number, hash
)
UPDATE pilot
SET audit_number = audited.number, audit_hash = audited.hash
FROM audited
WHERE pilot.pilot_id = audited.pilot_id;
