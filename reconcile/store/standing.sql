-- What stands: for each child, parent, location and month (a key), the newest line of an organisation that was not taken back, unless a
-- newer correction replaces that key. Newer means as in lines.sql; in one delivery, a line that was delivered whole goes before one that
-- was completed, then the higher number. Keys are named in step: $2 parents, $3 children, $4 locations, $5 months.

-- name: keys_of_lines
-- What these lines are about, and what they replace.
SELECT DISTINCT key.parent_id, key.child_id, key.lrk_number, key.month
FROM line
CROSS JOIN LATERAL (
    VALUES (line.parent_id, line.child_id, line.lrk_number, line.month),
        (line.replaced_parent_id, line.replaced_child_id, line.replaced_lrk_number, line.replaced_month)
) AS key (parent_id, child_id, lrk_number, month)
WHERE line.organisation_id = $1 AND line.delivery_id = $2 AND line.line_number = ANY ($3::integer[])
    AND line.outcome <> 'rejected' AND num_nonnulls(key.parent_id, key.child_id, key.lrk_number, key.month) = 4;

-- name: households_of_keys
-- Every household that ties parent and child in the month: what is known of them may change. Keys from $1 on.
SELECT DISTINCT tie.household_id
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::date[]) AS key (parent_id, child_id, lrk_number, month)
CROSS JOIN LATERAL (
    SELECT household_tie.household_id
    FROM household_tie
    WHERE household_tie.parent_id = key.parent_id AND household_tie.child_id = key.child_id
        AND key.month >= household_tie.from_month AND (household_tie.until_month IS NULL OR key.month <= household_tie.until_month)
    OFFSET 0
) AS tie
ORDER BY tie.household_id;

-- name: settle_keys
-- Let stand of these keys what must stand, and nothing else; the deliveries count what changed. A line that was superseded when it came
-- has now its say: it says the same as what stood until now, or it is applied.
WITH settled AS MATERIALIZED (
    SELECT standing.place AS standing_place, newest.place, newest.delivery_id, newest.outcome AS outcome_before,
        CASE
            WHEN newest.outcome <> 'superseded' THEN newest.outcome
            WHEN (standing.hours_hundredths, standing.hourly_rate_cents) = (newest.hours_hundredths, newest.hourly_rate_cents)
                AND standing.amount_cents IS NOT DISTINCT FROM newest.amount_cents
                AND standing.end_on IS NOT DISTINCT FROM newest.end_on THEN 'unchanged'
            ELSE 'applied'
        END AS outcome
    FROM (
        SELECT DISTINCT parent_id, child_id, lrk_number, month
        FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::date[]) AS named (parent_id, child_id, lrk_number, month)
    ) AS key
    LEFT JOIN LATERAL (
        SELECT found.*
        FROM (
            SELECT line.ctid AS place, line.*
            FROM line
            WHERE line.child_id = key.child_id AND line.lrk_number = key.lrk_number AND line.month = key.month
                AND line.parent_id = key.parent_id AND line.superseded_at IS NULL AND line.outcome IN ('applied', 'unchanged')
            OFFSET 0
        ) AS found
        WHERE found.organisation_id = $1
        LIMIT 1
    ) AS standing ON true
    LEFT JOIN LATERAL (
        SELECT found.*, sent.sent_at, sent.received_at
        FROM (
            (
                SELECT line.ctid AS place, line.*
                FROM line
                WHERE line.child_id = key.child_id AND line.lrk_number = key.lrk_number AND line.month = key.month
                    AND line.parent_id = key.parent_id AND line.superseded_at IS NULL AND line.outcome IN ('applied', 'unchanged')
                OFFSET 0
            )
            UNION ALL
            (
                SELECT line.ctid AS place, line.*
                FROM line
                WHERE line.child_id = key.child_id AND line.lrk_number = key.lrk_number AND line.month = key.month
                    AND line.parent_id = key.parent_id AND line.superseded_at IS NOT NULL AND line.withdrawn_at IS NULL
                    AND line.outcome IN ('applied', 'unchanged', 'superseded')
                OFFSET 0
            )
        ) AS found
        CROSS JOIN LATERAL (
            SELECT delivery.sent_at, delivery.received_at
            FROM delivery
            WHERE delivery.organisation_id = found.organisation_id AND delivery.delivery_id = found.delivery_id
            OFFSET 0
        ) AS sent
        WHERE found.organisation_id = $1
        ORDER BY sent.sent_at DESC, sent.received_at DESC, found.delivery_id DESC,
            (found.woken_at IS NULL OR found.replaced_month IS NOT NULL) DESC, found.line_number DESC
        LIMIT 1
    ) AS newest ON NOT EXISTS (
        SELECT
        FROM (
            SELECT line.organisation_id, line.delivery_id
            FROM line
            WHERE line.replaced_child_id = key.child_id AND line.replaced_lrk_number = key.lrk_number AND line.replaced_month = key.month
                AND line.replaced_parent_id = key.parent_id AND line.withdrawn_at IS NULL
            OFFSET 0
        ) AS correction
        CROSS JOIN LATERAL (
            SELECT delivery.sent_at, delivery.received_at
            FROM delivery
            WHERE delivery.organisation_id = correction.organisation_id AND delivery.delivery_id = correction.delivery_id
            OFFSET 0
        ) AS sent
        WHERE correction.organisation_id = $1
            AND (sent.sent_at, sent.received_at, correction.delivery_id) > (newest.sent_at, newest.received_at, newest.delivery_id)
    )
), ended AS (
    UPDATE line
    SET superseded_at = statement_timestamp()
    WHERE line.ctid = ANY (ARRAY(SELECT standing_place FROM settled WHERE standing_place IS DISTINCT FROM place AND standing_place IS NOT NULL))
    RETURNING 1
), moved AS MATERIALIZED (
    SELECT place, delivery_id, outcome_before, outcome
    FROM settled
    WHERE place IS NOT NULL AND standing_place IS DISTINCT FROM place
), risen AS (
    UPDATE line
    SET superseded_at = NULL, outcome = CASE
        WHEN line.outcome <> 'superseded' THEN line.outcome
        WHEN line.ctid = ANY (ARRAY(SELECT place FROM moved WHERE outcome = 'unchanged')) THEN 'unchanged'
        ELSE 'applied'
    END
    -- No line stands before the one that it replaces has ended.
    WHERE line.ctid = ANY (ARRAY(SELECT place FROM moved)) AND (SELECT count(*) FROM ended) >= 0
)
UPDATE delivery
SET superseded_count = superseded_count - counted.lines, applied_count = applied_count + counted.applied,
    unchanged_count = unchanged_count + counted.lines - counted.applied
FROM (
    SELECT delivery_id, count(*) AS lines, count(*) FILTER (WHERE outcome = 'applied') AS applied
    FROM moved
    WHERE outcome_before = 'superseded'
    GROUP BY delivery_id
) AS counted
WHERE delivery.organisation_id = $1 AND delivery.delivery_id = counted.delivery_id;
