-- Changes on their way to TVS, and what became of them.

-- name: changes_over
-- An overlay has done its work when the declaration that holds its change is here: see end_processed_overlays.
SELECT change.change_id, change.sequence, change.placements, answer.undone_change_id,
    CASE WHEN change.state = 'processed' AND change.declaration_version <= household.declaration_version THEN greatest(
        change.settled_at, (
            SELECT min(declaration.recorded_at)
            FROM declaration
            WHERE declaration.household_id = change.household_id AND declaration.declaration_version >= change.declaration_version
        )
    ) END AS over_at
FROM change
JOIN household USING (household_id)
JOIN answer ON answer.household_id = change.household_id AND answer.change_id = change.change_id
WHERE change.household_id = $1 AND change.state NOT IN ('refused', 'reversed')
    AND EXISTS (
        SELECT FROM jsonb_array_elements(change.placements) AS proposed
        WHERE (proposed ->> 'placementId')::uuid = ANY ($2::uuid[])
    )
ORDER BY change.sequence;

-- name: household_of_change
SELECT household_id FROM change WHERE change_id = $1;

-- name: change_by_id
SELECT change.household_id, change.change_id, change.version, change.sequence, change.state, change.placements,
    change.declaration_version, change.reason, change.recorded_at, household.household_ref,
    answer.kind, answer.difference_id, answer.difference_version, answer.answered_at, answer.person_id, answer.undone_change_id
FROM change
JOIN answer USING (household_id, change_id)
JOIN household USING (household_id)
WHERE change.household_id = $1 AND change.change_id = $2;

-- name: people_of_change
-- How TVS names the children of the change and who answered.
SELECT DISTINCT ON (membership.person_id) membership.person_id, membership.person_ref, membership.role
FROM membership
WHERE membership.household_id = $1 AND membership.person_id = ANY ($2::uuid[])
ORDER BY membership.person_id, membership.superseded_at DESC NULLS FIRST, membership.from_month DESC;

-- name: settle_change
UPDATE change
SET state = $3, version = $4, declaration_version = $5, reason = $6, settled_at = statement_timestamp()
WHERE household_id = $1 AND change_id = $2;

-- name: settle_change_outbox
-- A receipt is the best proof that TVS has it: nothing needs to be sent any more.
UPDATE outbox
SET state = CASE $3 WHEN 'refused' THEN 'refused' ELSE 'done' END, done_at = statement_timestamp(), lease_until = NULL
WHERE household_id = $1 AND kind = 'change' AND subject_id = $2 AND state IN ('open', 'dead');

-- name: cancel_change
-- Only while nobody has claimed it, or when it was given up. Whoever claims it at this moment holds the row of the outbox: then we wait
-- here and find it claimed, and it finds the row cancelled when we were first.
WITH cancelled AS (
    UPDATE outbox
    SET state = 'cancelled', done_at = statement_timestamp(), lease_until = NULL
    WHERE household_id = $1 AND kind = 'change' AND subject_id = $2 AND ((state = 'open' AND attempts = 0) OR state = 'dead')
    RETURNING household_id, subject_id
)
UPDATE change
SET state = 'reversed', version = $3, settled_at = statement_timestamp()
FROM cancelled
WHERE change.household_id = cancelled.household_id AND change.change_id = cancelled.subject_id
RETURNING change.change_id;

-- name: mark_change_sent
UPDATE change
SET state = 'sent', sent_at = statement_timestamp(), version = $3
WHERE household_id = $1 AND change_id = $2 AND state = 'staged';

-- name: mark_change_dead
UPDATE change
SET state = 'dead', version = $3, settled_at = statement_timestamp()
WHERE household_id = $1 AND change_id = $2 AND state = 'staged';

-- name: dead_changes
SELECT change.change_id, change.settled_at, outbox.last_error
FROM change
JOIN outbox ON outbox.household_id = change.household_id AND outbox.kind = 'change' AND outbox.subject_id = change.change_id
WHERE change.state = 'dead'
ORDER BY change.settled_at, change.change_id;

-- name: revive_change
-- Due again at once; the attempts stay, because they are the fence.
WITH revived AS (
    UPDATE change
    SET state = 'staged', settled_at = NULL, version = $3
    WHERE household_id = $1 AND change_id = $2 AND state = 'dead'
    RETURNING household_id, change_id
)
UPDATE outbox
SET state = 'open', done_at = NULL, lease_until = NULL, due_at = now()
FROM revived
WHERE outbox.household_id = revived.household_id AND outbox.kind = 'change' AND outbox.subject_id = revived.change_id
RETURNING outbox.subject_id;
