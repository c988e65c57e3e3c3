-- The outbox: claimed by lease in one short statement, settled with a fence. Database clock only.

-- name: claim_outbox
-- In order per household: only its lowest row that is open or dead may go, so that nothing overtakes; a dead one blocks.
UPDATE outbox
SET attempts = attempts + 1, lease_until = now() + $2::interval
WHERE (household_id, kind, subject_id) IN (
    SELECT ready.household_id, ready.kind, ready.subject_id
    FROM outbox AS ready
    WHERE ready.kind = $1 AND ready.state = 'open' AND ready.due_at <= now()
        AND (ready.lease_until IS NULL OR ready.lease_until < now())
        AND NOT EXISTS (
            SELECT FROM outbox AS older
            WHERE older.household_id = ready.household_id AND older.kind = ready.kind
                AND older.sequence < ready.sequence AND older.state IN ('open', 'dead')
        )
    ORDER BY ready.due_at, ready.household_id
    LIMIT $3
    FOR UPDATE SKIP LOCKED
)
RETURNING household_id, subject_id, sequence, attempts, recorded_at,
    (SELECT household.household_ref FROM household WHERE household.household_id = outbox.household_id) AS household_ref;

-- name: settle_outbox
-- Nothing comes back when the lease was lost and somebody else has it now.
UPDATE outbox
SET state = $5, done_at = statement_timestamp(), lease_until = NULL, last_error = $6
WHERE household_id = $1 AND kind = $2 AND subject_id = $3 AND attempts = $4 AND state = 'open'
RETURNING subject_id;

-- name: postpone_outbox
-- Later, by a growing and jittered pause; what the receiver asked for is the least.
UPDATE outbox
SET lease_until = NULL, last_error = $5,
    due_at = now() + greatest(
        $6::interval, least(interval '15 minutes', interval '2 seconds' * 2 ^ least(attempts, 12)) * (0.5 + random() / 2)
    )
WHERE household_id = $1 AND kind = $2 AND subject_id = $3 AND attempts = $4 AND state = 'open';
