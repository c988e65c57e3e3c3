-- Trials: tables of their own, made in a transaction that is rolled back. An unqualified name finds a temporary table before the one
-- of the schema, so the statements that judge a delivery work on the trial's own, word for word.

-- name: make_own_stage
CREATE TEMPORARY TABLE line_stage (LIKE line_stage_form) ON COMMIT DROP;

-- name: make_own_lines
-- Only once the lines are judged: until then, `line` is what stands.
CREATE TEMPORARY TABLE line (LIKE line INCLUDING DEFAULTS) ON COMMIT DROP;

-- name: moment_of_arrival
SELECT statement_timestamp();
