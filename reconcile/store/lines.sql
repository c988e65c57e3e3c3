-- Lines: from the stage to an outcome, and from there to the household they belong to. A batch is the lines of delivery $2 of
-- organisation $1 at the places after $3 up to $4. The stage fills and empties faster than statistics follow, so no statement leaves
-- the planner a choice that depends on them: rows are found again by their place (ctid), others by LATERAL look-ups.

-- name: clear_stage
DELETE FROM line_stage WHERE organisation_id = $1 AND delivery_id = $2;

-- name: waiting_count
-- Staged lines that have no outcome yet.
SELECT count(*)
FROM line_stage AS stage
JOIN delivery USING (organisation_id, delivery_id)
WHERE stage.organisation_id = $1 AND stage.delivery_id = $2
    AND (delivery.applied_until IS NULL OR stage.place > delivery.applied_until);

-- name: drop_done_lines
-- A delivery that is read again, because the stage was lost, keeps the outcomes that it had.
DELETE FROM line_stage AS stage
USING line
WHERE stage.organisation_id = $1 AND stage.delivery_id = $2
    AND line.organisation_id = stage.organisation_id AND line.delivery_id = stage.delivery_id
    AND line.line_number = stage.line_number;

-- name: batch_ends
-- The places at which batches end, from place $3 on: after $4 lines, and after $5 parents (the high half of a place), because that is
-- about how many households are held. Lines at one place are never parted.
SELECT place
FROM (
    SELECT place, row_number() OVER in_order AS line, dense_rank() OVER (ORDER BY place >> 32) AS parent,
        lead(place >> 32) OVER in_order IS DISTINCT FROM place >> 32 AS ends_parent, lead(place) OVER in_order IS NULL AS is_last
    FROM line_stage
    WHERE organisation_id = $1 AND delivery_id = $2 AND place > $3
    WINDOW in_order AS (ORDER BY place)
) AS ordered
WHERE line % $4 = 0 OR parent % $5 = 0 AND ends_parent OR is_last
GROUP BY place
ORDER BY place;

-- name: insert_lines
-- The one outcome of each line of a batch, kept; then which household each applied line belongs to. A step reads the one before.
--   staged: two lines for one child, parent, location and month: which one is meant cannot be known, so none is taken. A line that is
--     rejected anyway contradicts nobody.
--   judged: held against what this organisation said before about the same key, a newer correction of it included (`cancelled`). Newer
--     means: sent later, then received later, then the higher number of the delivery. A correction is parked until all lines of its
--     delivery have their outcome: what wakes parked lines applies it (parked.sql).
--   care: so that a household is looked for once for all months. It is the one that ties the parent and the child in the month of
--     the line; two such households are no match.
-- One row for each line that found its household, with the placement when it is there already, and a last one without a line that
-- counts the outcomes.
WITH staged AS MATERIALIZED (
    SELECT *, at_place > 1 AND faults IS NULL AND EXISTS (
        SELECT FROM line_stage AS twin
        WHERE twin.organisation_id = $1 AND twin.delivery_id = $2 AND twin.place = ordered.place AND twin.faults IS NULL
            AND twin.line_number <> ordered.line_number AND twin.parent_id = ordered.parent_id AND twin.child_id = ordered.child_id
            AND twin.lrk_number = ordered.lrk_number AND twin.month = ordered.month
    ) AS is_doubled
    FROM (
        SELECT *, count(*) OVER (PARTITION BY place) AS at_place
        FROM line_stage
        WHERE organisation_id = $1 AND delivery_id = $2 AND place > $3 AND place <= $4
    ) AS ordered
), judged AS MATERIALIZED (
    SELECT staged.*, standing.place AS standing_place, CASE
        WHEN staged.waits_for IS NOT NULL THEN 'parked'
        WHEN staged.faults IS NOT NULL OR staged.is_doubled THEN 'rejected'
        WHEN staged.replaced_month IS NOT NULL THEN 'parked'
        WHEN cancelled.is_void THEN 'superseded'
        WHEN (standing.sent_at, standing.received_at, standing.delivery_id) > ($5::timestamptz, $6::timestamptz, $2) THEN 'superseded'
        WHEN standing.hours_hundredths = staged.hours_hundredths AND standing.hourly_rate_cents = staged.hourly_rate_cents
            AND standing.amount_cents IS NOT DISTINCT FROM staged.amount_cents
            AND standing.end_on IS NOT DISTINCT FROM staged.end_on THEN 'unchanged'
        ELSE 'applied'
    END AS outcome
    FROM staged
    LEFT JOIN LATERAL (
        SELECT line.ctid AS place, line.delivery_id, line.hours_hundredths, line.hourly_rate_cents, line.amount_cents, line.end_on,
            delivery.sent_at, delivery.received_at
        FROM (
            -- By the key of the line alone (OFFSET 0 keeps it so): an index that begins with the organisation goes through all its lines.
            SELECT known.ctid, known.*
            FROM line AS known
            WHERE known.child_id = staged.child_id AND known.lrk_number = staged.lrk_number AND known.month = staged.month
                AND known.parent_id = staged.parent_id AND known.superseded_at IS NULL AND known.outcome IN ('applied', 'unchanged')
            OFFSET 0
        ) AS line
        JOIN delivery ON delivery.organisation_id = line.organisation_id AND delivery.delivery_id = line.delivery_id
        WHERE line.organisation_id = $1
        LIMIT 1
    ) AS standing ON true
    LEFT JOIN LATERAL (
        SELECT true AS is_void
        FROM (
            SELECT known.organisation_id, known.delivery_id
            FROM line AS known
            WHERE known.replaced_child_id = staged.child_id AND known.replaced_lrk_number = staged.lrk_number
                AND known.replaced_month = staged.month AND known.replaced_parent_id = staged.parent_id AND known.withdrawn_at IS NULL
            OFFSET 0
        ) AS correction
        CROSS JOIN LATERAL (
            SELECT delivery.sent_at, delivery.received_at
            FROM delivery
            WHERE delivery.organisation_id = correction.organisation_id AND delivery.delivery_id = correction.delivery_id
            OFFSET 0
        ) AS sent
        WHERE standing.place IS NULL AND correction.organisation_id = $1
            AND (sent.sent_at, sent.received_at, correction.delivery_id) > ($5::timestamptz, $6::timestamptz, $2)
        LIMIT 1
    ) AS cancelled ON true
), ended AS (
    -- What this organisation said before about the same key no longer stands.
    UPDATE line
    SET superseded_at = statement_timestamp()
    WHERE line.ctid = ANY (ARRAY(SELECT standing_place FROM judged WHERE outcome IN ('applied', 'unchanged') AND standing_place IS NOT NULL))
    RETURNING 1
), kept AS (
    INSERT INTO line (organisation_id, delivery_id, line_number, line_ref, outcome, faults, waits_for, parent_id, child_id,
        lrk_number, month, hours_hundredths, hourly_rate_cents, amount_cents, end_on, superseded_at,
        replaced_parent_id, replaced_child_id, replaced_lrk_number, replaced_month)
    SELECT $1, $2, line_number, line_ref, outcome,
        CASE
            WHEN is_doubled THEN '[{"code": "duplicate-line", "field": null, "shape": null}]'
            WHEN is_correction THEN '[{"code": "replaced-line-unknown", "field": null, "shape": null}]'
            ELSE coalesce(faults, '[]')
        END,
        CASE WHEN is_correction THEN 'replaced-line-unknown' ELSE waits_for END,
        parent_id, child_id, lrk_number, month, hours_hundredths, hourly_rate_cents, amount_cents, end_on,
        CASE outcome WHEN 'superseded' THEN statement_timestamp() END,
        CASE WHEN is_correction THEN replaced_parent_id END, CASE WHEN is_correction THEN replaced_child_id END,
        CASE WHEN is_correction THEN replaced_lrk_number END, CASE WHEN outcome = 'parked' THEN replaced_month END
    FROM judged
    CROSS JOIN LATERAL (SELECT outcome = 'parked' AND waits_for IS NULL AS is_correction) AS kind
    -- No line is kept before the one that it replaces has ended.
    CROSS JOIN (SELECT count(*) AS ended_count FROM ended) AS before
    WHERE before.ended_count >= 0
), care AS (
    SELECT parent_id, child_id, lrk_number, array_agg(line_number) AS line_numbers, array_agg(month) AS months
    FROM judged
    WHERE outcome = 'applied'
    GROUP BY parent_id, child_id, lrk_number
), matched AS (
    SELECT reported.line_number, min(tie.household_id::text)::uuid AS household_id, min(tie.placement_id::text)::uuid AS placement_id
    FROM care
    CROSS JOIN LATERAL (
        SELECT household_tie.household_id, household_tie.from_month, household_tie.until_month, (
            SELECT placement.placement_id
            FROM placement
            WHERE placement.household_id = household_tie.household_id AND placement.child_id = care.child_id
                AND placement.lrk_number = care.lrk_number
        ) AS placement_id
        FROM household_tie
        WHERE household_tie.parent_id = care.parent_id AND household_tie.child_id = care.child_id
        OFFSET 0
    ) AS tie
    CROSS JOIN LATERAL unnest(care.line_numbers, care.months) AS reported (line_number, month)
    WHERE reported.month >= tie.from_month AND (tie.until_month IS NULL OR reported.month <= tie.until_month)
    GROUP BY reported.line_number
    HAVING count(DISTINCT tie.household_id) = 1
)
SELECT line_number, household_id, placement_id, NULL::bigint AS done, NULL::bigint AS applied, NULL::bigint AS unchanged,
    NULL::bigint AS superseded, NULL::bigint AS parked, NULL::bigint AS rejected
FROM matched
UNION ALL
SELECT NULL, NULL, NULL, count(*),
    count(*) FILTER (WHERE outcome = 'applied'), count(*) FILTER (WHERE outcome = 'unchanged'),
    count(*) FILTER (WHERE outcome = 'superseded'), count(*) FILTER (WHERE outcome = 'parked'),
    count(*) FILTER (WHERE outcome = 'rejected')
FROM judged;

-- name: insert_line_placements
-- Care that only an organisation reports gets its placement as well. $3 and $4 are the household of each line without one.
INSERT INTO placement (household_id, child_id, lrk_number, version)
SELECT DISTINCT matched.household_id, reported.child_id, reported.lrk_number, (
    SELECT household.version + 1 FROM household WHERE household.household_id = matched.household_id
)
FROM unnest($3::uuid[], $4::integer[]) AS matched (household_id, line_number)
CROSS JOIN LATERAL (
    SELECT line.child_id, line.lrk_number
    FROM line
    WHERE line.organisation_id = $1 AND line.delivery_id = $2 AND line.line_number = matched.line_number
    OFFSET 0
) AS reported
ORDER BY 1, 2, 3
ON CONFLICT (household_id, child_id, lrk_number) DO NOTHING;

-- name: insert_line_reports
-- Hang the lines on their placements. Older never overwrites newer: only a report that was sent earlier gives way. One is current for
-- each placement and month; a report that is not, or no longer, the newest is kept beside it. $3 to $5: household, line and, when it is
-- older than this batch, placement. Returns the placements that were touched.
WITH placed AS MATERIALIZED (
    SELECT matched.household_id, placement.placement_id, reported.child_id, reported.month, matched.line_number,
        reported.hours_hundredths, reported.hourly_rate_cents, reported.end_on, known.place AS known_place,
        (known.sent_at, known.received_at, known.delivery_id) > ($6::timestamptz, $7::timestamptz, $2) AS is_beaten
    FROM unnest($3::uuid[], $4::integer[], $5::uuid[]) AS matched (household_id, line_number, placement_id)
    CROSS JOIN LATERAL (
        SELECT line.child_id, line.lrk_number, line.month, line.hours_hundredths, line.hourly_rate_cents, line.end_on
        FROM line
        WHERE line.organisation_id = $1 AND line.delivery_id = $2 AND line.line_number = matched.line_number
        OFFSET 0
    ) AS reported
    CROSS JOIN LATERAL (
        SELECT coalesce(matched.placement_id, (
            SELECT placement.placement_id
            FROM placement
            WHERE placement.household_id = matched.household_id AND placement.child_id = reported.child_id
                AND placement.lrk_number = reported.lrk_number
        )) AS placement_id
        OFFSET 0
    ) AS placement
    LEFT JOIN LATERAL (
        SELECT current.ctid AS place, current.sent_at, current.received_at, current.delivery_id
        FROM reported_hours AS current
        WHERE current.household_id = matched.household_id AND current.placement_id = placement.placement_id
            AND current.month = reported.month AND current.superseded_at IS NULL
        LIMIT 1
    ) AS known ON true
), ended AS (
    UPDATE reported_hours
    SET superseded_at = statement_timestamp()
    WHERE reported_hours.ctid = ANY (ARRAY(SELECT known_place FROM placed WHERE NOT is_beaten))
    RETURNING 1
), kept AS (
    INSERT INTO reported_hours (household_id, placement_id, month, organisation_id, delivery_id, line_number,
        hours_hundredths, hourly_rate_cents, end_on, sent_at, received_at, superseded_at)
    SELECT household_id, placement_id, month, $1, $2, line_number, hours_hundredths, hourly_rate_cents, end_on, $6, $7,
        CASE WHEN is_beaten OR row_number() OVER (PARTITION BY household_id, placement_id, month ORDER BY line_number DESC) > 1
            THEN statement_timestamp() END
    FROM placed
    CROSS JOIN (SELECT count(*) AS ended_count FROM ended) AS before
    WHERE before.ended_count >= 0
)
SELECT DISTINCT household_id, child_id, extract(year FROM month)::smallint AS year, placement_id
FROM placed;

-- name: lines_of_delivery
-- In the order of the file; $3 limits to one outcome, $4 is the last line of the page before.
SELECT line_number, line_ref, outcome, faults, waits_for, lrk_number, to_char(month, 'YYYY-MM') AS month,
    hours_hundredths, hourly_rate_cents, amount_cents, end_on, recorded_at, woken_at, withdrawn_at
FROM line
WHERE organisation_id = $1 AND delivery_id = $2 AND ($3::text IS NULL OR outcome = $3) AND line_number > $4
ORDER BY line_number
LIMIT $5;
