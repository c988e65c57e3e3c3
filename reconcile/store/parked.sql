-- Parked lines of an organisation ($1) that wait for nothing any more, after line $3 of delivery $2, in the order of these; and how they
-- come alive.

-- name: corrections_to_wake
-- A correction needs an older line to replace, whatever became of that since.
SELECT waiting.delivery_id, waiting.line_number, waiting.parent_id, waiting.child_id, waiting.lrk_number, waiting.month,
    waiting.replaced_parent_id, waiting.replaced_child_id, waiting.replaced_lrk_number, waiting.replaced_month
FROM line AS waiting
CROSS JOIN LATERAL (
    SELECT delivery.sent_at, delivery.received_at
    FROM delivery
    WHERE delivery.organisation_id = waiting.organisation_id AND delivery.delivery_id = waiting.delivery_id
    OFFSET 0
) AS sent
WHERE waiting.organisation_id = $1 AND waiting.waits_for = 'replaced-line-unknown' AND waiting.outcome = 'parked'
    AND waiting.withdrawn_at IS NULL AND waiting.replaced_child_id IS NOT NULL
    AND (waiting.delivery_id, waiting.line_number) > ($2, $3)
    AND EXISTS (
        SELECT
        FROM (
            (
                SELECT line.organisation_id, line.delivery_id
                FROM line
                WHERE line.child_id = waiting.replaced_child_id AND line.lrk_number = waiting.replaced_lrk_number
                    AND line.month = waiting.replaced_month AND line.parent_id = waiting.replaced_parent_id
                    AND line.superseded_at IS NULL AND line.outcome IN ('applied', 'unchanged')
                OFFSET 0
            )
            UNION ALL
            (
                SELECT line.organisation_id, line.delivery_id
                FROM line
                WHERE line.child_id = waiting.replaced_child_id AND line.lrk_number = waiting.replaced_lrk_number
                    AND line.month = waiting.replaced_month AND line.parent_id = waiting.replaced_parent_id
                    AND line.superseded_at IS NOT NULL AND line.outcome IN ('applied', 'unchanged', 'superseded')
                    AND line.withdrawn_at IS NULL
                OFFSET 0
            )
        ) AS known
        CROSS JOIN LATERAL (
            SELECT delivery.sent_at, delivery.received_at
            FROM delivery
            WHERE delivery.organisation_id = known.organisation_id AND delivery.delivery_id = known.delivery_id
            OFFSET 0
        ) AS before
        WHERE known.organisation_id = $1
            AND (before.sent_at, before.received_at, known.delivery_id) < (sent.sent_at, sent.received_at, waiting.delivery_id)
    )
ORDER BY waiting.delivery_id, waiting.line_number
LIMIT $4;

-- name: gaps_to_wake
-- A BSN that was missing is that of a whole line with the same mark and location and the same other BSN, when all such lines name one
-- person: a mark may be a mere row number, so it is never enough. A correction is not completed like this: lines with its mark may be
-- just what it corrects.
SELECT waiting.delivery_id, waiting.line_number, found.parent_id, found.child_id, waiting.lrk_number, waiting.month,
    NULL::uuid AS replaced_parent_id, NULL::uuid AS replaced_child_id, NULL::text AS replaced_lrk_number, NULL::date AS replaced_month
FROM line AS waiting
CROSS JOIN LATERAL (
    SELECT min(known.parent_id::text)::uuid AS parent_id, min(known.child_id::text)::uuid AS child_id
    FROM (
        (
            SELECT line.organisation_id, line.parent_id, line.child_id, line.lrk_number, line.line_ref
            FROM line
            WHERE line.parent_id = waiting.parent_id AND line.line_ref IS NOT NULL
                AND line.outcome IN ('applied', 'unchanged', 'superseded') AND line.withdrawn_at IS NULL
            OFFSET 0
        )
        UNION ALL
        (
            SELECT line.organisation_id, line.parent_id, line.child_id, line.lrk_number, line.line_ref
            FROM line
            WHERE line.child_id = waiting.child_id AND line.lrk_number = waiting.lrk_number
                AND line.superseded_at IS NULL AND line.outcome IN ('applied', 'unchanged')
            OFFSET 0
        )
        UNION ALL
        (
            SELECT line.organisation_id, line.parent_id, line.child_id, line.lrk_number, line.line_ref
            FROM line
            WHERE line.child_id = waiting.child_id AND line.lrk_number = waiting.lrk_number
                AND line.superseded_at IS NOT NULL AND line.outcome IN ('applied', 'unchanged', 'superseded') AND line.withdrawn_at IS NULL
            OFFSET 0
        )
    ) AS known
    WHERE known.organisation_id = $1 AND known.line_ref = waiting.line_ref AND known.lrk_number = waiting.lrk_number
    HAVING count(DISTINCT (known.parent_id, known.child_id)) = 1
) AS found
WHERE waiting.organisation_id = $1 AND waiting.waits_for = 'bsn-missing' AND waiting.outcome = 'parked'
    AND waiting.withdrawn_at IS NULL AND waiting.line_ref IS NOT NULL AND waiting.replaced_month IS NULL
    AND (waiting.delivery_id, waiting.line_number) > ($2, $3)
ORDER BY waiting.delivery_id, waiting.line_number
LIMIT $4;

-- name: wake_lines
-- These lines have their say: superseded until it is settled what stands. $2 is the delivery that is being worked on: a correction in it
-- did not wait for another one. $3 to $6: delivery, line, parent and child.
WITH waking AS MATERIALIZED (
    SELECT named.parent_id, named.child_id, line.place
    FROM unnest($3::uuid[], $4::integer[], $5::uuid[], $6::uuid[]) AS named (delivery_id, line_number, parent_id, child_id)
    CROSS JOIN LATERAL (
        SELECT line.ctid AS place, line.outcome, line.withdrawn_at
        FROM line
        WHERE line.organisation_id = $1 AND line.delivery_id = named.delivery_id AND line.line_number = named.line_number
        OFFSET 0
    ) AS line
    WHERE line.outcome = 'parked' AND line.withdrawn_at IS NULL
), woken AS (
    UPDATE line
    SET outcome = 'superseded', faults = '[]', waits_for = NULL,
        parent_id = (SELECT waking.parent_id FROM waking WHERE waking.place = line.ctid),
        child_id = (SELECT waking.child_id FROM waking WHERE waking.place = line.ctid),
        superseded_at = statement_timestamp(),
        woken_at = CASE WHEN line.replaced_month IS NULL OR line.delivery_id <> $2::uuid THEN statement_timestamp() END
    WHERE line.ctid = ANY (ARRAY(SELECT place FROM waking))
    RETURNING line.delivery_id
)
UPDATE delivery
SET parked_count = parked_count - counted.lines, superseded_count = superseded_count + counted.lines
FROM (SELECT delivery_id, count(*) AS lines FROM woken GROUP BY delivery_id) AS counted
WHERE delivery.organisation_id = $1 AND delivery.delivery_id = counted.delivery_id;
