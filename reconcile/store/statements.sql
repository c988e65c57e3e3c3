-- Statements: what stands or waits of an organisation's lines of one month, as it was at one instant.

-- name: this_instant
SELECT statement_timestamp();

-- name: statement_totals
-- By location; $3 limits to one, $4 is the instant.
SELECT lrk_number,
    count(*) FILTER (WHERE outcome <> 'parked') AS lines,
    count(*) FILTER (WHERE outcome = 'parked') AS waiting,
    coalesce(sum(hours_hundredths) FILTER (WHERE outcome <> 'parked'), 0)::bigint AS hours_hundredths,
    coalesce(sum(amount_cents) FILTER (WHERE outcome <> 'parked'), 0)::bigint AS amount_cents,
    count(*) FILTER (WHERE outcome <> 'parked' AND amount_cents IS NULL) AS without_amount
FROM line
WHERE organisation_id = $1 AND month = $2 AND outcome IN ('applied', 'unchanged', 'parked')
    AND ($3::text IS NULL OR lrk_number = $3)
    AND recorded_at <= $4 AND (superseded_at IS NULL OR superseded_at > $4)
GROUP BY lrk_number
ORDER BY lrk_number;

-- name: statement_lines
-- By location, delivery and line; $5 to $7 are the last line of the page before. The people are looked up for the page alone.
SELECT page.line_ref, page.lrk_number, page.hours_hundredths, page.hourly_rate_cents, page.amount_cents, page.end_on,
    page.delivery_id, page.line_number, page.waits_for, page.recorded_at, delivery.received_at,
    parent.bsn_index AS parent_index, parent.bsn_sealed AS parent_sealed, child.bsn_index AS child_index, child.bsn_sealed AS child_sealed
FROM (
    SELECT organisation_id, line_ref, lrk_number, hours_hundredths, hourly_rate_cents, amount_cents, end_on, delivery_id, line_number,
        waits_for, recorded_at, parent_id, child_id
    FROM line
    WHERE organisation_id = $1 AND month = $2 AND outcome IN ('applied', 'unchanged', 'parked')
        AND ($3::text IS NULL OR lrk_number = $3)
        AND recorded_at <= $4 AND (superseded_at IS NULL OR superseded_at > $4)
        AND (lrk_number, delivery_id, line_number) > ($5, $6, $7)
    ORDER BY lrk_number, delivery_id, line_number
    LIMIT $8
) AS page
JOIN delivery ON delivery.organisation_id = page.organisation_id AND delivery.delivery_id = page.delivery_id
LEFT JOIN person AS parent ON parent.person_id = page.parent_id
LEFT JOIN person AS child ON child.person_id = page.child_id
ORDER BY page.lrk_number, page.delivery_id, page.line_number;
