-- Trials: tables of their own, made in a transaction that is rolled back. An unqualified name finds a temporary table before the one
-- of the schema, so the statement that gives lines their outcome works on the trial's own, word for word.

-- name: make_own_stage
CREATE TEMPORARY TABLE line_stage (LIKE line_stage_form, PRIMARY KEY (organisation_id, delivery_id, place, line_number)) ON COMMIT DROP;

-- name: make_own_lines
-- The keys after the first are there to find a line by what it is about, by what it replaces, and by its parent.
CREATE TEMPORARY TABLE line (
    LIKE line INCLUDING DEFAULTS,
    PRIMARY KEY (organisation_id, delivery_id, line_number),
    UNIQUE (child_id, lrk_number, month, parent_id, delivery_id, line_number),
    UNIQUE (replaced_child_id, delivery_id, line_number),
    UNIQUE (parent_id, delivery_id, line_number)
) ON COMMIT DROP;

-- name: make_own_deliveries
-- What is asked of a delivery when a line of it is held against another, and what counts its lines.
CREATE TEMPORARY TABLE delivery (
    organisation_id uuid, delivery_id uuid, sent_at timestamptz, received_at timestamptz,
    applied_count integer DEFAULT 0, unchanged_count integer DEFAULT 0, superseded_count integer DEFAULT 0, parked_count integer DEFAULT 0,
    PRIMARY KEY (organisation_id, delivery_id)
) ON COMMIT DROP;

-- name: hide_ties
-- A trial reaches no household: nobody is tied to one.
CREATE TEMPORARY TABLE household_tie (household_id uuid, parent_id uuid, child_id uuid, from_month date, until_month date) ON COMMIT DROP;

-- name: hide_placements
CREATE TEMPORARY TABLE placement (household_id uuid, placement_id uuid, child_id uuid, lrk_number text) ON COMMIT DROP;

-- name: copy_waiting_lines
-- What the organisation ($1) has parked and this delivery may let come alive. From here on the schema is named, because `line` is the
-- trial's own.
INSERT INTO line
SELECT waiting.*
FROM kot.line AS waiting
WHERE waiting.organisation_id = $1 AND waiting.outcome = 'parked' AND waiting.withdrawn_at IS NULL
    AND (waiting.replaced_child_id IS NOT NULL OR waiting.line_ref IS NOT NULL)
ON CONFLICT DO NOTHING;

-- name: copy_completing_lines
-- Lines that have a BSN which a staged or a parked line lacks.
INSERT INTO line
SELECT known.*
FROM (
    SELECT parent_id, child_id, lrk_number, line_ref FROM line_stage WHERE waits_for IS NOT NULL AND replaced_month IS NULL
    UNION
    SELECT parent_id, child_id, lrk_number, line_ref FROM line WHERE waits_for IS NOT NULL AND replaced_month IS NULL
) AS waiting
CROSS JOIN LATERAL (
    (
        SELECT known.*
        FROM kot.line AS known
        WHERE known.parent_id = waiting.parent_id AND known.line_ref IS NOT NULL AND known.withdrawn_at IS NULL
            AND known.outcome IN ('applied', 'unchanged', 'superseded')
        OFFSET 0
    )
    UNION ALL
    (
        SELECT known.*
        FROM kot.line AS known
        WHERE known.child_id = waiting.child_id AND known.lrk_number = waiting.lrk_number
            AND known.superseded_at IS NULL AND known.outcome IN ('applied', 'unchanged')
        OFFSET 0
    )
    UNION ALL
    (
        SELECT known.*
        FROM kot.line AS known
        WHERE known.child_id = waiting.child_id AND known.lrk_number = waiting.lrk_number
            AND known.superseded_at IS NOT NULL AND known.withdrawn_at IS NULL AND known.outcome IN ('applied', 'unchanged', 'superseded')
        OFFSET 0
    )
) AS known
WHERE known.line_ref = waiting.line_ref AND known.lrk_number = waiting.lrk_number
ON CONFLICT DO NOTHING;

-- name: copy_lines_by_key
-- What the organisation said before about the keys that are staged or replaced, or that a waiting line has once it is completed; and what
-- of it was cancelled.
WITH waiting AS MATERIALIZED (
    SELECT parent_id, child_id, lrk_number, line_ref, month FROM line_stage WHERE waits_for IS NOT NULL AND replaced_month IS NULL
    UNION
    SELECT parent_id, child_id, lrk_number, line_ref, month FROM line WHERE waits_for IS NOT NULL AND replaced_month IS NULL
), whole AS MATERIALIZED (
    SELECT parent_id, child_id, lrk_number, line_ref FROM line_stage WHERE waits_for IS NULL AND faults IS NULL
    UNION
    SELECT parent_id, child_id, lrk_number, line_ref FROM line WHERE waits_for IS NULL
), key AS MATERIALIZED (
    SELECT named.parent_id, named.child_id, named.lrk_number, named.month
    FROM line_stage AS stage
    CROSS JOIN LATERAL (
        VALUES (stage.parent_id, stage.child_id, stage.lrk_number, stage.month),
            (stage.replaced_parent_id, stage.replaced_child_id, stage.replaced_lrk_number, stage.replaced_month)
    ) AS named (parent_id, child_id, lrk_number, month)
    WHERE num_nonnulls(named.parent_id, named.child_id, named.lrk_number, named.month) = 4
    UNION
    SELECT whole.parent_id, whole.child_id, whole.lrk_number, waiting.month
    FROM waiting
    JOIN whole USING (lrk_number, line_ref, parent_id)
    UNION
    SELECT whole.parent_id, whole.child_id, whole.lrk_number, waiting.month
    FROM waiting
    JOIN whole USING (lrk_number, line_ref, child_id)
)
INSERT INTO line
SELECT known.*
FROM key
CROSS JOIN LATERAL (
    (
        SELECT known.*
        FROM kot.line AS known
        WHERE known.child_id = key.child_id AND known.lrk_number = key.lrk_number AND known.month = key.month
            AND known.parent_id = key.parent_id AND known.superseded_at IS NULL AND known.outcome IN ('applied', 'unchanged')
        OFFSET 0
    )
    UNION ALL
    (
        SELECT known.*
        FROM kot.line AS known
        WHERE known.child_id = key.child_id AND known.lrk_number = key.lrk_number AND known.month = key.month
            AND known.parent_id = key.parent_id AND known.superseded_at IS NOT NULL AND known.withdrawn_at IS NULL
            AND known.outcome IN ('applied', 'unchanged', 'superseded')
        OFFSET 0
    )
    UNION ALL
    (
        SELECT known.*
        FROM kot.line AS known
        WHERE known.replaced_child_id = key.child_id AND known.replaced_lrk_number = key.lrk_number
            AND known.replaced_month = key.month AND known.replaced_parent_id = key.parent_id AND known.withdrawn_at IS NULL
        OFFSET 0
    )
) AS known
ON CONFLICT DO NOTHING;

-- name: copy_deliveries
-- When the lines that were copied were sent; and the delivery $2 of $1 that is tried, sent at $3 and received at $4.
INSERT INTO delivery (organisation_id, delivery_id, sent_at, received_at)
SELECT organisation_id, delivery_id, sent_at, received_at
FROM kot.delivery AS known
WHERE known.organisation_id = $1 AND known.delivery_id IN (SELECT delivery_id FROM line)
UNION ALL
SELECT $1, $2, $3::timestamptz, $4::timestamptz;

-- name: moment_of_arrival
SELECT statement_timestamp();
