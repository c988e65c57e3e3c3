-- Faults of a delivery by root cause.

-- name: fault_findings
-- Every faulty line belongs to one finding: the fault of its own that most lines of the delivery have, what a sender can correct
-- before what it can fill in ($3 are the codes of the latter). So a wrong column is one finding, and so is a shift of the columns, which
-- spoils several fields of each line. Lines that say the same are taken together first: what follows does not grow with the delivery.
-- Runs of digits or letters in a shape count as one: "999.9" and "9.9" are the same mistake. What is right in itself and only shares
-- its delivery ($4) comes last, however many lines it is.
WITH told AS (
    SELECT row_number() OVER () AS kind, outcome, faults, lines, numbers
    FROM (
        SELECT outcome, faults, count(*) AS lines, array_agg(line_number) AS numbers
        FROM line
        WHERE organisation_id = $1 AND delivery_id = $2 AND outcome IN ('parked', 'rejected') AND withdrawn_at IS NULL
        GROUP BY outcome, faults
    ) AS grouped
), stated AS (
    SELECT DISTINCT told.kind, told.lines, fault.code, fault.field, regexp_replace(fault.shape, '([9a])\1+', '\1', 'g') AS shape
    FROM told
    CROSS JOIN LATERAL jsonb_to_recordset(told.faults) AS fault (code text, field text, shape text)
), weighed AS (
    SELECT kind, lines, code, field, sum(lines) OVER (PARTITION BY code, field) AS weight
    FROM (SELECT DISTINCT kind, lines, code, field FROM stated) AS once
), rooted AS (
    SELECT kind, root.code, root.field, dense_rank() OVER (ORDER BY told.outcome, root.code, root.field) AS finding
    FROM (
        SELECT DISTINCT ON (kind) kind, code, field
        FROM weighed
        ORDER BY kind, code = ANY ($3::text[]), weight DESC, code, field
    ) AS root
    JOIN told USING (kind)
), finding AS (
    SELECT rooted.finding, told.outcome, rooted.code, rooted.field, sum(told.lines) AS lines
    FROM rooted
    JOIN told USING (kind)
    GROUP BY rooted.finding, told.outcome, rooted.code, rooted.field
), first_line AS (
    SELECT placed.finding,
        jsonb_agg(jsonb_build_object('lineNumber', line.line_number, 'lineRef', line.line_ref) ORDER BY line.line_number) AS examples
    FROM (
        SELECT rooted.finding, number.line_number, row_number() OVER (PARTITION BY rooted.finding ORDER BY number.line_number) AS place
        FROM rooted
        JOIN told USING (kind)
        CROSS JOIN LATERAL (SELECT line_number FROM unnest(told.numbers) AS one (line_number) ORDER BY line_number LIMIT 5) AS number
    ) AS placed
    JOIN line ON line.organisation_id = $1 AND line.delivery_id = $2 AND line.line_number = placed.line_number
    WHERE placed.place <= 5
    GROUP BY placed.finding
), shaped AS (
    SELECT finding, code, field, jsonb_agg(jsonb_build_object('shape', shape, 'count', lines) ORDER BY place) AS shapes
    FROM (
        SELECT rooted.finding, stated.code, stated.field, stated.shape, sum(stated.lines) AS lines,
            row_number() OVER (PARTITION BY rooted.finding, stated.code, stated.field ORDER BY sum(stated.lines) DESC, stated.shape) AS place
        FROM stated
        JOIN rooted USING (kind)
        WHERE stated.shape IS NOT NULL
        GROUP BY rooted.finding, stated.code, stated.field, stated.shape
    ) AS counted
    WHERE place <= 5
    GROUP BY finding, code, field
), fault AS (
    SELECT member.finding, jsonb_agg(
        jsonb_build_object(
            'code', member.code, 'field', member.field, 'count', member.lines, 'shapes', coalesce(shaped.shapes, '[]')
        )
        ORDER BY member.is_root DESC, member.lines DESC, member.code, member.field
    ) AS faults
    FROM (
        SELECT rooted.finding, weighed.code, weighed.field, sum(weighed.lines) AS lines,
            bool_or(weighed.code = rooted.code AND weighed.field IS NOT DISTINCT FROM rooted.field) AS is_root
        FROM weighed
        JOIN rooted USING (kind)
        GROUP BY rooted.finding, weighed.code, weighed.field
    ) AS member
    LEFT JOIN shaped ON shaped.finding = member.finding AND shaped.code = member.code AND shaped.field IS NOT DISTINCT FROM member.field
    GROUP BY member.finding
)
SELECT finding.outcome, finding.code, finding.field, finding.lines::integer AS lines, first_line.examples, fault.faults
FROM finding
JOIN first_line USING (finding)
JOIN fault USING (finding)
ORDER BY finding.code = $4, finding.lines DESC, finding.code, finding.field, finding.outcome;
