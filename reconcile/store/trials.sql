-- Trials: tables of their own, made in a transaction that is rolled back. An unqualified name finds a temporary table before the one
-- of the schema, so the statement that gives lines their outcome works on the trial's own, word for word.

-- name: make_own_stage
CREATE TEMPORARY TABLE line_stage (LIKE line_stage_form, PRIMARY KEY (organisation_id, delivery_id, place, line_number)) ON COMMIT DROP;

-- name: make_own_lines
-- The second key is there to find a line by what it is about.
CREATE TEMPORARY TABLE line (
    LIKE line INCLUDING DEFAULTS,
    PRIMARY KEY (organisation_id, delivery_id, line_number),
    UNIQUE (child_id, lrk_number, month, parent_id, delivery_id, line_number)
) ON COMMIT DROP;

-- name: hide_ties
-- A trial reaches no household: nobody is tied to one.
CREATE TEMPORARY TABLE household_tie (household_id uuid, parent_id uuid, child_id uuid, from_month date, until_month date) ON COMMIT DROP;

-- name: hide_placements
CREATE TEMPORARY TABLE placement (household_id uuid, placement_id uuid, child_id uuid, lrk_number text) ON COMMIT DROP;

-- name: copy_standing_lines
-- What the organisation said before about the keys that are staged; the schema is named, because `line` is the trial's own.
INSERT INTO line
SELECT standing.*
FROM (
    SELECT DISTINCT parent_id, child_id, lrk_number, month
    FROM line_stage
    WHERE parent_id IS NOT NULL AND child_id IS NOT NULL AND lrk_number IS NOT NULL AND month IS NOT NULL
) AS staged
CROSS JOIN LATERAL (
    SELECT known.*
    FROM kot.line AS known
    WHERE known.child_id = staged.child_id AND known.lrk_number = staged.lrk_number AND known.month = staged.month
        AND known.parent_id = staged.parent_id AND known.superseded_at IS NULL AND known.outcome IN ('applied', 'unchanged')
    OFFSET 0
) AS standing;

-- name: moment_of_arrival
SELECT statement_timestamp();
