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

-- name: batch_end
-- The place of the last of the next $4 lines after place $3; lines at one place are never parted.
SELECT max(place)
FROM (
    SELECT place FROM line_stage
    WHERE organisation_id = $1 AND delivery_id = $2 AND place > $3
    ORDER BY place
    LIMIT $4
) AS batch;

-- name: insert_lines
-- The one outcome of each line of a batch, kept; then which household each applied line belongs to. A step reads the one before.
--   registered: what only the register can tell of a location and month, found once for all lines that name them.
--   doubled: two lines for one child, parent, location and month. Which one is meant cannot be known, so none is taken; a line that is
--     rejected anyway contradicts nobody.
--   standing: what this organisation said before about the same key. Newer means: sent later, then received later, then the higher
--     number of the delivery.
--   match: the household that ties the parent and the child in the month of the line; two such households are no match.
-- One row for each line that found its household, and one without a line that counts the outcomes.
WITH staged AS MATERIALIZED (
    SELECT * FROM line_stage
    WHERE organisation_id = $1 AND delivery_id = $2 AND place > $3 AND place <= $4
), registered AS MATERIALIZED (
    SELECT named.lrk_number, named.month, location.care_type, CASE
        WHEN location.lrk_number IS NULL THEN 'lrk-number-unknown'
        WHEN location.registered_on > (named.month + interval '1 month - 1 day')::date
            OR location.deregistered_on <= named.month THEN 'lrk-number-not-registered'
        WHEN NOT EXISTS (
            SELECT FROM location_holding AS holding
            WHERE holding.lrk_number = named.lrk_number AND holding.organisation_id = $1
                AND daterange(holding.from_on, holding.until_on, '[]')
                    && daterange(named.month, (named.month + interval '1 month')::date)
        ) THEN 'lrk-number-not-yours'
    END AS code
    FROM (SELECT DISTINCT lrk_number, month FROM staged WHERE lrk_number IS NOT NULL AND month IS NOT NULL) AS named
    LEFT JOIN location USING (lrk_number)
), doubled AS MATERIALIZED (
    SELECT parent_id, child_id, lrk_number, month
    FROM staged
    WHERE faults IS NULL
    GROUP BY parent_id, child_id, lrk_number, month
    HAVING count(*) > 1
), checked AS MATERIALIZED (
    SELECT staged.*, doubled.month IS NOT NULL AS is_doubled,
        coalesce(registered.code, CASE WHEN staged.care_type <> registered.care_type THEN 'care-type-mismatch' END) AS register_code
    FROM staged
    LEFT JOIN registered USING (lrk_number, month)
    LEFT JOIN doubled
        ON staged.faults IS NULL AND doubled.parent_id = staged.parent_id AND doubled.child_id = staged.child_id
        AND doubled.lrk_number = staged.lrk_number AND doubled.month = staged.month
), judged AS MATERIALIZED (
    SELECT checked.*, standing.place AS standing_place, CASE
        WHEN checked.register_code IS NOT NULL OR checked.is_doubled THEN 'rejected'
        WHEN checked.waits_for IS NOT NULL THEN 'parked'
        WHEN checked.faults IS NOT NULL THEN 'rejected'
        WHEN (standing.sent_at, standing.received_at, standing.delivery_id) > ($5::timestamptz, $6::timestamptz, $2) THEN 'superseded'
        WHEN standing.hours_hundredths = checked.hours_hundredths AND standing.hourly_rate_cents = checked.hourly_rate_cents
            AND standing.amount_cents IS NOT DISTINCT FROM checked.amount_cents
            AND standing.end_on IS NOT DISTINCT FROM checked.end_on THEN 'unchanged'
        ELSE 'applied'
    END AS outcome
    FROM checked
    LEFT JOIN LATERAL (
        SELECT line.ctid AS place, line.delivery_id, line.hours_hundredths, line.hourly_rate_cents, line.amount_cents, line.end_on,
            delivery.sent_at, delivery.received_at
        FROM line
        JOIN delivery ON delivery.organisation_id = line.organisation_id AND delivery.delivery_id = line.delivery_id
        WHERE line.child_id = checked.child_id AND line.lrk_number = checked.lrk_number AND line.month = checked.month
            AND line.parent_id = checked.parent_id AND line.organisation_id = $1
            AND line.superseded_at IS NULL AND line.outcome IN ('applied', 'unchanged')
        LIMIT 1
    ) AS standing ON true
), ended AS (
    -- What this organisation said before about the same key no longer stands.
    UPDATE line
    SET superseded_at = statement_timestamp()
    WHERE line.ctid = ANY (ARRAY(SELECT standing_place FROM judged WHERE outcome IN ('applied', 'unchanged')))
    RETURNING 1
), kept AS (
    INSERT INTO line (organisation_id, delivery_id, line_number, line_ref, outcome, faults, waits_for, parent_id, child_id,
        lrk_number, month, hours_hundredths, hourly_rate_cents, amount_cents, end_on, superseded_at)
    SELECT $1, $2, line_number, line_ref, outcome,
        CASE WHEN faults IS NULL AND NOT is_doubled AND register_code IS NULL THEN '[]' ELSE
            coalesce(faults, '[]')
            || CASE WHEN is_doubled THEN '[{"code": "duplicate-line", "field": null, "shape": null}]' ELSE '[]' END::jsonb
            || CASE WHEN register_code IS NULL THEN '[]' ELSE jsonb_build_array(jsonb_build_object('code', register_code,
                'field', CASE register_code WHEN 'care-type-mismatch' THEN 'careType' ELSE 'lrkNumber' END, 'shape', NULL)) END
        END,
        CASE outcome WHEN 'parked' THEN waits_for END,
        parent_id, child_id, lrk_number, month, hours_hundredths, hourly_rate_cents, amount_cents, end_on,
        CASE outcome WHEN 'superseded' THEN statement_timestamp() END
    FROM judged
    -- No line is kept before the one that it replaces has ended.
    CROSS JOIN (SELECT count(*) AS ended_count FROM ended) AS before
    WHERE before.ended_count >= 0
), tie AS MATERIALIZED (
    SELECT pair.parent_id, pair.child_id, tied.household_id, tied.from_month, tied.until_month
    FROM (SELECT DISTINCT parent_id, child_id FROM judged WHERE outcome = 'applied') AS pair
    CROSS JOIN LATERAL (
        SELECT household_tie.household_id, household_tie.from_month, household_tie.until_month
        FROM household_tie
        WHERE household_tie.parent_id = pair.parent_id AND household_tie.child_id = pair.child_id
        OFFSET 0
    ) AS tied
)
SELECT judged.line_number, min(tie.household_id::text)::uuid AS household_id, 0 AS done, 0 AS applied, 0 AS unchanged, 0 AS superseded,
    0 AS parked, 0 AS rejected
FROM judged
JOIN tie ON tie.parent_id = judged.parent_id AND tie.child_id = judged.child_id
    AND judged.month >= tie.from_month AND (tie.until_month IS NULL OR judged.month <= tie.until_month)
WHERE judged.outcome = 'applied'
GROUP BY judged.line_number
HAVING count(DISTINCT tie.household_id) = 1
UNION ALL
SELECT NULL, NULL, count(*),
    count(*) FILTER (WHERE outcome = 'applied'), count(*) FILTER (WHERE outcome = 'unchanged'),
    count(*) FILTER (WHERE outcome = 'superseded'), count(*) FILTER (WHERE outcome = 'parked'),
    count(*) FILTER (WHERE outcome = 'rejected')
FROM judged;

-- name: insert_line_placements
-- Care that only an organisation reports gets its placement as well. $3 and $4 are the household of each line that found one.
INSERT INTO placement (household_id, child_id, lrk_number, version)
SELECT DISTINCT matched.household_id, line.child_id, line.lrk_number, household.version + 1
FROM unnest($3::uuid[], $4::integer[]) AS matched (household_id, line_number)
JOIN line ON line.organisation_id = $1 AND line.delivery_id = $2 AND line.line_number = matched.line_number
JOIN household ON household.household_id = matched.household_id
WHERE NOT EXISTS (
    SELECT FROM placement
    WHERE placement.household_id = matched.household_id AND placement.child_id = line.child_id
        AND placement.lrk_number = line.lrk_number
)
ORDER BY 1, 2, 3
ON CONFLICT (household_id, child_id, lrk_number) DO NOTHING;

-- name: insert_line_reports
-- Hang the lines on their placements. Older never overwrites newer: only a report that was sent earlier gives way. One is current for
-- each placement and month; a report that is not, or no longer, the newest is kept beside it. Returns the placements that were touched.
WITH placed AS MATERIALIZED (
    SELECT placement.household_id, placement.placement_id, placement.child_id, line.month, line.line_number, line.hours_hundredths,
        line.hourly_rate_cents, line.end_on, known.place AS known_place,
        (known.sent_at, known.received_at, known.delivery_id) > ($5::timestamptz, $6::timestamptz, $2) AS is_beaten
    FROM unnest($3::uuid[], $4::integer[]) AS matched (household_id, line_number)
    JOIN line ON line.organisation_id = $1 AND line.delivery_id = $2 AND line.line_number = matched.line_number
    JOIN placement
        ON placement.household_id = matched.household_id AND placement.child_id = line.child_id
        AND placement.lrk_number = line.lrk_number
    LEFT JOIN LATERAL (
        SELECT reported.ctid AS place, reported.sent_at, reported.received_at, reported.delivery_id
        FROM reported_hours AS reported
        WHERE reported.household_id = placement.household_id AND reported.placement_id = placement.placement_id
            AND reported.month = line.month AND reported.superseded_at IS NULL
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
    SELECT household_id, placement_id, month, $1, $2, line_number, hours_hundredths, hourly_rate_cents, end_on, $5, $6,
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
    hours_hundredths, hourly_rate_cents, amount_cents, end_on, recorded_at
FROM line
WHERE organisation_id = $1 AND delivery_id = $2 AND ($3::text IS NULL OR outcome = $3) AND line_number > $4
ORDER BY line_number
LIMIT $5;
