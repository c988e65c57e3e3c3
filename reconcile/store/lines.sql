-- Lines: from the stage to an outcome, and from there to the household they belong to. All statements take one batch: the
-- lines $3 to $4 of delivery $2 of organisation $1. The stage fills and empties faster than statistics follow, so no statement
-- leaves the planner a choice that depends on them: rows are found again by their place (ctid), others by LATERAL look-ups.

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
SET faults = '[{"code": "duplicate-line", "field": null, "shape": null}]', waits_for = NULL
FROM (
    SELECT ctid AS place, count(*) OVER (PARTITION BY parent_index, child_index, lrk_number, month) AS times
    FROM line_stage
    WHERE organisation_id = $1 AND delivery_id = $2 AND faults = '[]'
) AS counted
WHERE stage.ctid = counted.place AND counted.times > 1;

-- name: refuse_by_register
-- What only the register can tell: the location exists, was registered and yours in that month, and has that care type. All that
-- is not so is told at once; only a location that was not registered is not also told to be another's. Without a month it must have been
-- yours at any time. A number that no register knows may be a BSN in the wrong column: it is not kept.
UPDATE line_stage AS stage
SET waits_for = NULL, lrk_number = CASE WHEN checked.is_unknown THEN NULL ELSE stage.lrk_number END, faults = stage.faults
    || CASE WHEN checked.is_unknown THEN '[{"code": "lrk-number-unknown", "field": "lrkNumber", "shape": "999999999"}]' ELSE '[]' END::jsonb
    || CASE WHEN checked.is_unregistered THEN '[{"code": "lrk-number-not-registered", "field": "lrkNumber", "shape": null}]' ELSE '[]' END::jsonb
    || CASE WHEN checked.is_foreign AND checked.is_unregistered IS NOT TRUE
        THEN '[{"code": "lrk-number-not-yours", "field": "lrkNumber", "shape": null}]' ELSE '[]' END::jsonb
    || CASE WHEN checked.is_other_care THEN '[{"code": "care-type-mismatch", "field": "careType", "shape": null}]' ELSE '[]' END::jsonb
FROM (
    SELECT staged.ctid AS place, location.lrk_number IS NULL AS is_unknown, staged.care_type <> location.care_type AS is_other_care,
        location.registered_on > (staged.month + interval '1 month - 1 day')::date
            OR location.deregistered_on <= staged.month AS is_unregistered,
        location.lrk_number IS NOT NULL AND NOT EXISTS (
            SELECT FROM location_holding AS holding
            WHERE holding.lrk_number = staged.lrk_number AND holding.organisation_id = $1
                AND daterange(holding.from_on, holding.until_on, '[]')
                    && daterange(staged.month, (staged.month + interval '1 month')::date)
        ) AS is_foreign
    FROM line_stage AS staged
    LEFT JOIN location USING (lrk_number)
    WHERE staged.organisation_id = $1 AND staged.delivery_id = $2 AND staged.line_number BETWEEN $3 AND $4
        AND staged.lrk_number IS NOT NULL
    OFFSET 0
) AS checked
WHERE stage.ctid = checked.place
    AND (checked.is_unknown OR checked.is_unregistered OR checked.is_foreign OR checked.is_other_care);

-- name: judge_lines
-- The one outcome of each line. Newer means: sent later, then received later, then the higher number of the delivery.
UPDATE line_stage AS stage
SET parent_id = judged.parent_id, child_id = judged.child_id, outcome = judged.outcome
FROM (
    SELECT staged.place, staged.parent_id, staged.child_id, CASE
        WHEN staged.waits_for IS NOT NULL THEN 'parked'
        WHEN jsonb_array_length(staged.faults) > 0 THEN 'rejected'
        WHEN (standing.sent_at, standing.received_at, standing.delivery_id) > ($5::timestamptz, $6::timestamptz, $2) THEN 'superseded'
        WHEN standing.hours_hundredths = staged.hours_hundredths AND standing.hourly_rate_cents = staged.hourly_rate_cents
            AND standing.amount_cents IS NOT DISTINCT FROM staged.amount_cents
            AND standing.end_on IS NOT DISTINCT FROM staged.end_on THEN 'unchanged'
        ELSE 'applied'
    END AS outcome
    FROM (
        SELECT line_stage.ctid AS place, line_stage.waits_for, line_stage.faults, line_stage.lrk_number, line_stage.month,
            line_stage.hours_hundredths, line_stage.hourly_rate_cents, line_stage.amount_cents, line_stage.end_on,
            (SELECT person.person_id FROM person WHERE person.bsn_index = line_stage.parent_index) AS parent_id,
            (SELECT person.person_id FROM person WHERE person.bsn_index = line_stage.child_index) AS child_id
        FROM line_stage
        WHERE line_stage.organisation_id = $1 AND line_stage.delivery_id = $2 AND line_stage.line_number BETWEEN $3 AND $4
        OFFSET 0
    ) AS staged
    LEFT JOIN LATERAL (
        SELECT line.delivery_id, line.hours_hundredths, line.hourly_rate_cents, line.amount_cents, line.end_on,
            delivery.sent_at, delivery.received_at
        FROM line
        JOIN delivery ON delivery.organisation_id = line.organisation_id AND delivery.delivery_id = line.delivery_id
        WHERE line.child_id = staged.child_id AND line.lrk_number = staged.lrk_number AND line.month = staged.month
            AND line.parent_id = staged.parent_id AND line.organisation_id = $1
            AND line.superseded_at IS NULL AND line.outcome IN ('applied', 'unchanged')
        LIMIT 1
    ) AS standing ON true
) AS judged
WHERE stage.ctid = judged.place;

-- name: supersede_lines
-- What this organisation said before about the same child, parent, location and month no longer stands.
UPDATE line AS known
SET superseded_at = statement_timestamp()
FROM line_stage AS stage
CROSS JOIN LATERAL (
    SELECT line.ctid AS place
    FROM line
    WHERE line.child_id = stage.child_id AND line.lrk_number = stage.lrk_number AND line.month = stage.month
        AND line.parent_id = stage.parent_id AND line.organisation_id = $1
        AND line.superseded_at IS NULL AND line.outcome IN ('applied', 'unchanged')
    LIMIT 1
) AS standing
WHERE stage.organisation_id = $1 AND stage.delivery_id = $2 AND stage.line_number BETWEEN $3 AND $4
    AND stage.outcome IN ('applied', 'unchanged') AND known.ctid = standing.place;

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
    AND staged.outcome = 'applied' AND matched.households = 1 AND stage.ctid = staged.ctid;

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
