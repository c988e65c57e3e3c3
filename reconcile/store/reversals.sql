-- What undoes an acceptance: the reversal, and the change that follows from it where the first was on its way.

-- name: reversal_of
SELECT answer_id
FROM answer
WHERE household_id = $1 AND undone_change_id = $2 AND kind = 'reversal';

-- name: insert_reversal
-- With a change ($8) the obligation to forward it, after everything that the household changed before. The acceptance is over.
WITH reversed AS (
    INSERT INTO answer (household_id, answer_id, kind, version, difference_id, difference_version, person_id, undone_change_id, change_id)
    VALUES ($1, $2, 'reversal', $7, $3, $4, $5, $6, $8)
    RETURNING household_id, answered_at, undone_change_id, change_id
), changed AS (
    INSERT INTO change (household_id, change_id, version, sequence, placements)
    SELECT household_id, change_id, $7, $7, $9::text::jsonb FROM reversed WHERE change_id IS NOT NULL
), staged AS (
    INSERT INTO outbox (household_id, kind, subject_id, sequence)
    SELECT household_id, 'change', change_id, $7 FROM reversed WHERE change_id IS NOT NULL
)
UPDATE answer
SET ended_at = reversed.answered_at, version = $7
FROM reversed
WHERE answer.household_id = reversed.household_id AND answer.change_id = reversed.undone_change_id;

-- name: end_acceptance
-- At the instant at which its change was settled.
UPDATE answer
SET ended_at = change.settled_at, version = $3
FROM change
WHERE answer.household_id = $1 AND answer.change_id = $2 AND answer.kind = 'acceptance' AND answer.ended_at IS NULL
    AND change.household_id = answer.household_id AND change.change_id = answer.change_id;

-- name: end_reversal
-- What it undid stands again, and comes back, unless TVS refused that as well.
WITH ended AS (
    UPDATE answer
    SET ended_at = statement_timestamp(), version = $3
    WHERE household_id = $1 AND change_id = $2 AND kind = 'reversal'
    RETURNING household_id, undone_change_id
)
UPDATE answer
SET ended_at = NULL, version = $3
FROM ended
JOIN change AS undone ON undone.household_id = ended.household_id AND undone.change_id = ended.undone_change_id
WHERE answer.household_id = ended.household_id AND answer.change_id = ended.undone_change_id AND undone.state <> 'refused'
RETURNING answer.answer_id;
