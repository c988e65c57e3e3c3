-- The outbox: claimed by lease in one short statement, settled with a fence. Database clock only.

-- name: claim_changes
-- In order per household: only its lowest row that is open or dead may go, so that nothing overtakes; a dead one blocks.
UPDATE outbox
SET attempts = attempts + 1, lease_until = now() + $1::interval
WHERE (household_id, kind, subject_id) IN (
    SELECT ready.household_id, ready.kind, ready.subject_id
    FROM outbox AS ready
    WHERE ready.kind = 'change' AND ready.state = 'open' AND ready.due_at <= now()
        AND (ready.lease_until IS NULL OR ready.lease_until < now())
        AND NOT EXISTS (
            SELECT FROM outbox AS older
            WHERE older.household_id = ready.household_id AND older.kind = 'change'
                AND older.sequence < ready.sequence AND older.state IN ('open', 'dead')
        )
    ORDER BY ready.due_at, ready.household_id
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
RETURNING household_id, subject_id, sequence, attempts, recorded_at, trace_parent,
    (SELECT household.household_ref FROM household WHERE household.household_id = outbox.household_id) AS household_ref,
    (
        SELECT answer.kind FROM answer WHERE answer.household_id = outbox.household_id AND answer.change_id = outbox.subject_id
    ) AS answer_kind;

-- name: settle_outbox
-- Those come back that were still held: where the lease was lost, somebody else has it now.
UPDATE outbox
SET state = settled.state, done_at = statement_timestamp(), lease_until = NULL, last_error = settled.error
FROM unnest($2::uuid[], $3::uuid[], $4::integer[], $5::text[], $6::text[]) AS settled (household_id, subject_id, attempts, state, error)
WHERE outbox.household_id = settled.household_id AND outbox.kind = $1 AND outbox.subject_id = settled.subject_id
    AND outbox.attempts = settled.attempts AND outbox.state = 'open'
RETURNING outbox.household_id, outbox.subject_id;

-- name: postpone_outbox
-- Later, by a growing and jittered pause; what the receiver asked for is the least.
UPDATE outbox
SET lease_until = NULL, last_error = postponed.error,
    due_at = now() + greatest(
        postponed.at_least, least(interval '15 minutes', interval '2 seconds' * 2 ^ least(outbox.attempts, 12)) * (0.5 + random() / 2)
    )
FROM unnest($2::uuid[], $3::uuid[], $4::integer[], $5::text[], $6::interval[])
    AS postponed (household_id, subject_id, attempts, error, at_least)
WHERE outbox.household_id = postponed.household_id AND outbox.kind = $1 AND outbox.subject_id = postponed.subject_id
    AND outbox.attempts = postponed.attempts AND outbox.state = 'open';
