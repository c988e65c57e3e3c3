-- What was postponed and has come to its day.

-- name: lock_due_households
-- In ascending order. Households that another writer holds are left to the next look: nobody waits, and no tap waits. However many are due
-- on a day, no more are read than are taken.
SELECT locked.household_id
FROM (
    SELECT DISTINCT household_id
    FROM (
        SELECT household_id
        FROM answer
        WHERE kind = 'postponement' AND ended_at IS NULL AND until_on <= $1
        ORDER BY until_on, household_id
        LIMIT $2
    ) AS first
    ORDER BY household_id
) AS due
CROSS JOIN LATERAL (
    SELECT household.household_id
    FROM household
    WHERE household.household_id = due.household_id
    FOR UPDATE SKIP LOCKED
) AS locked;

-- name: reopen_differences
-- Read anew under the locks: a parent may have answered otherwise while the households were looked for.
WITH over AS (
    UPDATE answer
    SET ended_at = statement_timestamp(), version = household.version + 1
    FROM household
    WHERE answer.household_id = ANY ($1::uuid[]) AND answer.kind = 'postponement' AND answer.ended_at IS NULL AND answer.until_on <= $2
        AND household.household_id = answer.household_id
    RETURNING answer.household_id, answer.difference_id, answer.version
)
UPDATE difference
SET state = 'open', version = over.version
FROM over
WHERE difference.household_id = over.household_id AND difference.difference_id = over.difference_id
RETURNING difference.household_id, difference.difference_id;

-- name: end_postponements
UPDATE answer
SET version = household.version + 1, ended_at = statement_timestamp()
FROM household, unnest($1::uuid[], $2::uuid[]) AS over (household_id, difference_id)
WHERE answer.household_id = over.household_id AND answer.difference_id = over.difference_id AND answer.kind = 'postponement'
    AND answer.ended_at IS NULL AND household.household_id = over.household_id;
