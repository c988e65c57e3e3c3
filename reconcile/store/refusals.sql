-- All or nothing: whether delivery $2 of organisation $1 has a fault anywhere, and what becomes of its sound lines then. Works on the
-- stage, before the first line has its outcome. Lines for one key stand at one place.

-- name: has_staged_faults
SELECT EXISTS (
    SELECT FROM line_stage WHERE organisation_id = $1 AND delivery_id = $2 AND faults IS NOT NULL
) OR EXISTS (
    SELECT
    FROM line_stage
    WHERE organisation_id = $1 AND delivery_id = $2
    GROUP BY place, parent_id, child_id, lrk_number, month
    HAVING count(*) > 1
);

-- name: refuse_staged
-- A line that is doubled is told that it is, once it has its outcome; one that would wait may not come alive alone.
UPDATE line_stage AS stage
SET faults = coalesce(stage.faults, $3::text::jsonb), waits_for = NULL
WHERE stage.organisation_id = $1 AND stage.delivery_id = $2
    AND (
        stage.waits_for IS NOT NULL
        OR stage.faults IS NULL AND NOT EXISTS (
            SELECT FROM line_stage AS twin
            WHERE twin.organisation_id = $1 AND twin.delivery_id = $2 AND twin.place = stage.place AND twin.faults IS NULL
                AND twin.line_number <> stage.line_number AND twin.parent_id = stage.parent_id AND twin.child_id = stage.child_id
                AND twin.lrk_number = stage.lrk_number AND twin.month = stage.month
        )
    );
