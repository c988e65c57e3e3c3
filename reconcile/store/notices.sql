-- Notices: the ledger, written with the difference that they tell of; and the pushes that carry them to devices.

-- name: stage_notices
-- One notice for each of these differences that is open and worth telling, whose household is in a stage that was released, and
-- that is not told already or weighs more than when it was told. A push for each device, and the obligation to send it. With an instant
-- $3 it is told again, whatever was told before, and pushed from then on.
WITH told AS (
    INSERT INTO notice (household_id, version, difference_id, difference_version, content_hash, sentence, weight_cents, pilot_id, stage_number)
    SELECT difference.household_id, household.version + 1, difference.difference_id, difference.version, difference.content_hash,
        CASE WHEN $3::timestamptz IS NOT NULL THEN 'difference-again' WHEN EXISTS (
            SELECT FROM notice AS earlier
            WHERE earlier.household_id = difference.household_id AND earlier.difference_id = difference.difference_id
                AND NOT earlier.deleted
        ) THEN 'difference-changed' ELSE 'difference-new' END,
        difference.weight_cents, enrolment.pilot_id, enrolment.stage_number
    FROM unnest($1::uuid[], $2::uuid[]) AS found (household_id, difference_id)
    JOIN difference ON difference.household_id = found.household_id AND difference.difference_id = found.difference_id
    JOIN household ON household.household_id = difference.household_id
    JOIN enrolment ON enrolment.household_id = difference.household_id
    JOIN stage ON stage.pilot_id = enrolment.pilot_id AND stage.stage_number = enrolment.stage_number
    WHERE difference.state = 'open' AND difference.is_worth_telling AND stage.released_at IS NOT NULL
        AND NOT EXISTS (
            SELECT FROM notice AS earlier
            WHERE earlier.household_id = difference.household_id AND earlier.difference_id = difference.difference_id
                AND (
                    earlier.difference_version = difference.version
                    OR ($3::timestamptz IS NULL AND NOT earlier.deleted AND earlier.weight_cents >= difference.weight_cents)
                )
        )
    RETURNING household_id, notice_id
), pushed AS (
    INSERT INTO push (household_id, notice_id, device_id)
    SELECT told.household_id, told.notice_id, device.device_id
    FROM told
    JOIN device ON device.household_id = told.household_id AND device.retired_at IS NULL
    RETURNING household_id, push_id
), due AS (
    INSERT INTO outbox (household_id, kind, subject_id, sequence, due_at)
    SELECT household_id, 'push', push_id, 0, greatest(statement_timestamp(), $3::timestamptz) FROM pushed
)
SELECT household_id, notice_id FROM told;

-- name: withdraw_notices
-- These differences are no longer what the notices about them say. What nobody was told yet is taken back; a push that is on its way
-- at this moment counts as told.
WITH moot AS (
    SELECT notice.household_id, notice.notice_id
    FROM unnest($1::uuid[], $2::uuid[]) AS answered (household_id, difference_id)
    JOIN notice ON notice.household_id = answered.household_id AND notice.difference_id = answered.difference_id
    WHERE NOT notice.deleted
), cancelled AS (
    UPDATE outbox
    SET state = 'cancelled', done_at = statement_timestamp(), lease_until = NULL, last_error = 'withdrawn'
    FROM moot
    JOIN push ON push.household_id = moot.household_id AND push.notice_id = moot.notice_id
    WHERE outbox.household_id = push.household_id AND outbox.kind = 'push' AND outbox.subject_id = push.push_id
        AND outbox.state = 'open' AND (outbox.lease_until IS NULL OR outbox.lease_until < now())
)
UPDATE notice
SET deleted = true, version = household.version + 1
FROM moot
JOIN household ON household.household_id = moot.household_id
WHERE notice.household_id = moot.household_id AND notice.notice_id = moot.notice_id
    AND NOT EXISTS (
        SELECT FROM push
        JOIN outbox ON outbox.household_id = push.household_id AND outbox.kind = 'push' AND outbox.subject_id = push.push_id
        WHERE push.household_id = moot.household_id AND push.notice_id = moot.notice_id
            AND (outbox.state = 'done' OR (outbox.state = 'open' AND outbox.lease_until >= now()))
    );

-- name: claim_pushes
-- Taken by lease and checked again in the same statement: only what still holds at this moment is sent. What is moot is cancelled;
-- what has to wait gets the time until which it waits, without counting as an attempt.
WITH candidate AS MATERIALIZED (
    SELECT household_id, subject_id
    FROM outbox
    WHERE kind = 'push' AND state = 'open' AND due_at <= now() AND (lease_until IS NULL OR lease_until < now())
    ORDER BY due_at, household_id
    LIMIT $2
    FOR UPDATE SKIP LOCKED
), checked AS MATERIALIZED (
    SELECT candidate.household_id, candidate.subject_id, notice.notice_id, notice.sentence, device.device_id, device.platform,
        device.token, device.locale, quiet_until(now(), device.quiet_from, device.quiet_until) AS quiet_until,
        CASE
            WHEN notice.deleted OR difference.state <> 'open' OR difference.content_hash <> notice.content_hash THEN 'moot'
            WHEN device.retired_at IS NOT NULL THEN 'device-retired'
            WHEN EXISTS (
                SELECT FROM device AS later
                WHERE later.token_sha256 = device.token_sha256 AND later.registered_at > device.registered_at
            ) OR EXISTS (
                SELECT FROM device AS later
                WHERE later.device_id = device.device_id AND later.registered_at > device.registered_at
            ) THEN 'device-of-another'
            WHEN NOT EXISTS (
                SELECT FROM membership
                WHERE membership.household_id = device.household_id AND membership.person_id = device.person_id
                    AND membership.role IN ('applicant', 'partner') AND membership.superseded_at IS NULL
                    AND daterange(membership.from_month, (membership.until_month + interval '1 month')::date)
                        @> (now() AT TIME ZONE 'Europe/Amsterdam')::date
            ) THEN 'no-member'
            WHEN stage.state <> 'released' THEN 'paused'
            WHEN quiet_until(now(), device.quiet_from, device.quiet_until) IS NOT NULL THEN 'quiet'
            -- Last: what waits may be wanted by the time that it could be sent.
            WHEN notice.sentence <> ALL (device.wanted_notices) THEN 'unwanted'
            ELSE 'send'
        END AS verdict
    FROM candidate
    JOIN push ON push.household_id = candidate.household_id AND push.push_id = candidate.subject_id
    JOIN notice ON notice.household_id = push.household_id AND notice.notice_id = push.notice_id
    JOIN difference ON difference.household_id = notice.household_id AND difference.difference_id = notice.difference_id
    JOIN device ON device.household_id = push.household_id AND device.device_id = push.device_id
    JOIN stage ON stage.pilot_id = notice.pilot_id AND stage.stage_number = notice.stage_number
)
UPDATE outbox
SET attempts = outbox.attempts + (checked.verdict = 'send')::integer,
    state = CASE WHEN checked.verdict IN ('send', 'paused', 'quiet') THEN 'open' ELSE 'cancelled' END,
    done_at = CASE WHEN checked.verdict IN ('send', 'paused', 'quiet') THEN NULL ELSE statement_timestamp() END,
    lease_until = CASE checked.verdict WHEN 'send' THEN now() + $1::interval END,
    -- A release looks again at once; this is for the release that happened at this very moment.
    due_at = CASE checked.verdict WHEN 'paused' THEN now() + interval '10 minutes' WHEN 'quiet' THEN checked.quiet_until ELSE outbox.due_at END,
    last_error = CASE checked.verdict WHEN 'send' THEN outbox.last_error ELSE checked.verdict END
FROM checked
WHERE outbox.household_id = checked.household_id AND outbox.kind = 'push' AND outbox.subject_id = checked.subject_id
RETURNING outbox.household_id, outbox.subject_id, outbox.attempts, checked.verdict, checked.notice_id, checked.sentence,
    checked.device_id, checked.platform, checked.token, checked.locale;

-- name: retire_devices
-- The push service no longer knows these addresses. A device that was registered with another one meanwhile stays.
UPDATE device
SET token = NULL, retired_at = statement_timestamp(), retired_for = 'unregistered'
FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS gone (household_id, device_id, token)
WHERE device.household_id = gone.household_id AND device.device_id = gone.device_id AND device.token = gone.token;

-- name: lock_stage_to_announce
-- The next released stage whose households were not all looked at since the release. Its key stays shared, so that a notice of the
-- stage can be written meanwhile.
SELECT pilot_id, stage_number, announced_until
FROM stage
WHERE state = 'released' AND announced_at IS NULL
ORDER BY pilot_id, stage_number
LIMIT 1
FOR NO KEY UPDATE SKIP LOCKED;

-- name: next_enrolled
SELECT household_id
FROM enrolment
WHERE pilot_id = $1 AND stage_number = $2 AND ($3::uuid IS NULL OR household_id > $3)
ORDER BY household_id
LIMIT $4;

-- name: open_differences
SELECT household_id, difference_id
FROM difference
WHERE household_id = ANY ($1::uuid[]) AND state = 'open';

-- name: hurry_pushes
-- What waited because its stage was paused is due again.
UPDATE outbox
SET due_at = now()
WHERE household_id = ANY ($1::uuid[]) AND kind = 'push' AND state = 'open' AND due_at > now();

-- name: record_announced
UPDATE stage
SET announced_until = $3, announced_at = CASE WHEN $3::uuid IS NULL THEN statement_timestamp() END
WHERE pilot_id = $1 AND stage_number = $2;
