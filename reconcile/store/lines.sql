-- Lines: from the stage to an outcome, and from there to the household they belong to. All statements take one batch: the
-- lines $3 to $4 of delivery $2 of organisation $1.

-- name: clear_stage
DELETE FROM line_stage WHERE organisation_id = $1 AND delivery_id = $2;

-- name: waiting_count
-- Staged lines that have no outcome yet.
SELECT count(*) FROM line_stage WHERE organisation_id = $1 AND delivery_id = $2 AND outcome IS NULL;

-- name: drop_done_lines
-- A delivery that is read again, because the stage was lost, keeps the outcomes that it had.
DELETE FROM line_stage AS stage
USING line
WHERE stage.organisation_id = $1 AND stage.delivery_id = $2
    AND line.organisation_id = stage.organisation_id AND line.delivery_id = stage.delivery_id
    AND line.line_number = stage.line_number;

-- name: batch_bounds
-- The next lines to apply after line $3, in the order of the file.
SELECT min(line_number) AS first_line, max(line_number) AS last_line
FROM (
    SELECT line_number FROM line_stage
    WHERE organisation_id = $1 AND delivery_id = $2 AND outcome IS NULL AND line_number > $3
    ORDER BY line_number
    LIMIT $4
) AS batch;

-- name: refuse_duplicates
-- Two lines for one child, parent, location and month in one delivery: which one is meant cannot be known, so none is taken. A line
-- that is rejected anyway contradicts nobody.
UPDATE line_stage AS stage
SET faults = stage.faults || '[{"code": "duplicate-line", "field": null, "shape": null}]', waits_for = NULL
FROM (
    SELECT parent_index, child_index, lrk_number, month
    FROM line_stage
    WHERE organisation_id = $1 AND delivery_id = $2 AND faults = '[]'
    GROUP BY parent_index, child_index, lrk_number, month
    HAVING count(*) > 1
) AS twice
WHERE stage.organisation_id = $1 AND stage.delivery_id = $2 AND stage.faults = '[]'
    AND stage.parent_index = twice.parent_index AND stage.child_index = twice.child_index
    AND stage.lrk_number = twice.lrk_number AND stage.month = twice.month;

-- name: refuse_by_register
-- What only the register can tell: the location exists, was registered and yours in that month, and has that care type.
UPDATE line_stage AS stage
SET faults = stage.faults || jsonb_build_array(jsonb_build_object('code', judged.code, 'field', judged.field, 'shape', NULL)),
    waits_for = NULL
FROM (
    SELECT line_number, code, CASE code WHEN 'care-type-mismatch' THEN 'careType' ELSE 'lrkNumber' END AS field
    FROM (
        SELECT staged.line_number, CASE
            WHEN location.lrk_number IS NULL THEN 'lrk-number-unknown'
            WHEN location.registered_on > (staged.month + interval '1 month - 1 day')::date
                OR location.deregistered_on <= staged.month THEN 'lrk-number-not-registered'
            WHEN NOT EXISTS (
                SELECT FROM location_holding AS holding
                WHERE holding.lrk_number = staged.lrk_number AND holding.organisation_id = $1
                    AND daterange(holding.from_on, holding.until_on, '[]')
                        && daterange(staged.month, (staged.month + interval '1 month')::date)
            ) THEN 'lrk-number-not-yours'
            WHEN staged.care_type <> location.care_type THEN 'care-type-mismatch'
        END AS code
        FROM line_stage AS staged
        LEFT JOIN location USING (lrk_number)
        WHERE staged.organisation_id = $1 AND staged.delivery_id = $2 AND staged.line_number BETWEEN $3 AND $4
            AND staged.lrk_number IS NOT NULL AND staged.month IS NOT NULL
    ) AS checked
    WHERE code IS NOT NULL
) AS judged
WHERE stage.organisation_id = $1 AND stage.delivery_id = $2 AND stage.line_number = judged.line_number;

-- name: judge_lines
-- The one outcome of each line. Newer means: sent later, then received later, then the higher number of the delivery.
UPDATE line_stage AS stage
SET parent_id = judged.parent_id, child_id = judged.child_id, outcome = judged.outcome
FROM (
    SELECT staged.line_number, parent.person_id AS parent_id, child.person_id AS child_id, CASE
        WHEN staged.waits_for IS NOT NULL THEN 'parked'
        WHEN jsonb_array_length(staged.faults) > 0 THEN 'rejected'
        WHEN (earlier.sent_at, earlier.received_at, earlier.delivery_id) > ($5::timestamptz, $6::timestamptz, $2) THEN 'superseded'
        WHEN standing.hours_hundredths = staged.hours_hundredths AND standing.hourly_rate_cents = staged.hourly_rate_cents
            AND standing.amount_cents IS NOT DISTINCT FROM staged.amount_cents
            AND standing.end_on IS NOT DISTINCT FROM staged.end_on THEN 'unchanged'
        ELSE 'applied'
    END AS outcome
    FROM line_stage AS staged
    LEFT JOIN person AS parent ON parent.bsn_index = staged.parent_index
    LEFT JOIN person AS child ON child.bsn_index = staged.child_index
    LEFT JOIN line AS standing
        ON standing.child_id = child.person_id AND standing.lrk_number = staged.lrk_number AND standing.month = staged.month
        AND standing.parent_id = parent.person_id AND standing.organisation_id = $1
        AND standing.superseded_at IS NULL AND standing.outcome IN ('applied', 'unchanged')
    LEFT JOIN delivery AS earlier
        ON earlier.organisation_id = standing.organisation_id AND earlier.delivery_id = standing.delivery_id
    WHERE staged.organisation_id = $1 AND staged.delivery_id = $2 AND staged.line_number BETWEEN $3 AND $4
) AS judged
WHERE stage.organisation_id = $1 AND stage.delivery_id = $2 AND stage.line_number = judged.line_number;

-- name: supersede_lines
-- What this organisation said before about the same child, parent, location and month no longer stands.
UPDATE line AS known
SET superseded_at = statement_timestamp()
FROM line_stage AS stage
WHERE stage.organisation_id = $1 AND stage.delivery_id = $2 AND stage.line_number BETWEEN $3 AND $4
    AND stage.outcome IN ('applied', 'unchanged')
    AND known.child_id = stage.child_id AND known.lrk_number = stage.lrk_number AND known.month = stage.month
    AND known.parent_id = stage.parent_id AND known.organisation_id = $1
    AND known.superseded_at IS NULL AND known.outcome IN ('applied', 'unchanged');

-- name: insert_lines
INSERT INTO line (organisation_id, delivery_id, line_number, line_ref, outcome, faults, waits_for, parent_id, child_id,
    lrk_number, month, hours_hundredths, hourly_rate_cents, amount_cents, end_on, superseded_at)
SELECT organisation_id, delivery_id, line_number, line_ref, outcome, faults, waits_for,
    parent_id, child_id, lrk_number, month, hours_hundredths, hourly_rate_cents, amount_cents, end_on,
    CASE outcome WHEN 'superseded' THEN statement_timestamp() END
FROM line_stage
WHERE organisation_id = $1 AND delivery_id = $2 AND line_number BETWEEN $3 AND $4
ORDER BY line_number;

-- name: match_lines
-- The household that ties the parent and the child of the line in its month; two such households are no match. Line by line
-- (LATERAL): a batch is small, and so its plan never depends on how fresh the statistics of a table are.
UPDATE line_stage AS stage
SET household_id = matched.household_id
FROM line_stage AS staged
CROSS JOIN LATERAL (
    SELECT min(tie.household_id::text)::uuid AS household_id, count(DISTINCT tie.household_id) AS households
    FROM household_tie AS tie
    WHERE tie.parent_id = staged.parent_id AND tie.child_id = staged.child_id
        AND staged.month >= tie.from_month AND (tie.until_month IS NULL OR staged.month <= tie.until_month)
) AS matched
WHERE staged.organisation_id = $1 AND staged.delivery_id = $2 AND staged.line_number BETWEEN $3 AND $4
    AND staged.outcome = 'applied' AND matched.households = 1
    AND stage.organisation_id = staged.organisation_id AND stage.delivery_id = staged.delivery_id
    AND stage.line_number = staged.line_number;

-- name: matched_households
SELECT DISTINCT household_id
FROM line_stage
WHERE organisation_id = $1 AND delivery_id = $2 AND line_number BETWEEN $3 AND $4 AND household_id IS NOT NULL
ORDER BY household_id;

-- name: insert_line_placements
INSERT INTO placement (household_id, child_id, lrk_number, version)
SELECT DISTINCT stage.household_id, stage.child_id, stage.lrk_number, household.version + 1
FROM line_stage AS stage
JOIN household USING (household_id)
WHERE stage.organisation_id = $1 AND stage.delivery_id = $2 AND stage.line_number BETWEEN $3 AND $4
ORDER BY 1, 2, 3
ON CONFLICT (household_id, child_id, lrk_number) DO NOTHING;

-- name: supersede_line_reports
-- Older never overwrites newer: only a report that was sent earlier gives way.
UPDATE reported_hours AS known
SET superseded_at = statement_timestamp()
FROM line_stage AS stage
JOIN placement USING (household_id, child_id, lrk_number)
WHERE stage.organisation_id = $1 AND stage.delivery_id = $2 AND stage.line_number BETWEEN $3 AND $4
    AND known.household_id = placement.household_id AND known.placement_id = placement.placement_id
    AND known.month = stage.month AND known.superseded_at IS NULL
    AND (known.sent_at, known.received_at, known.delivery_id) <= ($5::timestamptz, $6::timestamptz, $2);

-- name: insert_line_reports
-- One is current for each placement and month; a report that is not, or no longer, the newest is kept beside it.
INSERT INTO reported_hours (household_id, placement_id, month, organisation_id, delivery_id, line_number,
    hours_hundredths, hourly_rate_cents, end_on, sent_at, received_at, superseded_at)
SELECT placement.household_id, placement.placement_id, stage.month, stage.organisation_id, stage.delivery_id, stage.line_number,
    stage.hours_hundredths, stage.hourly_rate_cents, stage.end_on, $5, $6,
    CASE WHEN known.placement_id IS NOT NULL OR row_number() OVER (
        PARTITION BY placement.household_id, placement.placement_id, stage.month ORDER BY stage.line_number DESC
    ) > 1 THEN statement_timestamp() END
FROM line_stage AS stage
JOIN placement USING (household_id, child_id, lrk_number)
LEFT JOIN reported_hours AS known
    ON known.household_id = placement.household_id AND known.placement_id = placement.placement_id
    AND known.month = stage.month AND known.superseded_at IS NULL
WHERE stage.organisation_id = $1 AND stage.delivery_id = $2 AND stage.line_number BETWEEN $3 AND $4
    AND stage.household_id IS NOT NULL
ORDER BY placement.household_id, placement.placement_id, stage.month;

-- name: touched_child_years
SELECT DISTINCT stage.household_id, stage.child_id, extract(year FROM stage.month)::smallint AS year, placement.placement_id
FROM line_stage AS stage
JOIN placement USING (household_id, child_id, lrk_number)
WHERE stage.organisation_id = $1 AND stage.delivery_id = $2 AND stage.line_number BETWEEN $3 AND $4;

-- name: lines_of_delivery
-- In the order of the file; $3 limits to one outcome, $4 is the last line of the page before.
SELECT line_number, line_ref, outcome, faults, waits_for, lrk_number, to_char(month, 'YYYY-MM') AS month,
    hours_hundredths, hourly_rate_cents, amount_cents, end_on, recorded_at
FROM line
WHERE organisation_id = $1 AND delivery_id = $2 AND ($3::text IS NULL OR outcome = $3) AND line_number > $4
ORDER BY line_number
LIMIT $5;
