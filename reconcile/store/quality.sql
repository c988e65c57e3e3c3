-- Quality: what looks odd in an organisation's own lines of month $2, beside those of the month before ($3).

-- name: quality_findings
-- Codes are those of rules/quality.py. $4: hours of one child at several locations; $5: factor between two rates.
WITH standing AS MATERIALIZED (
    SELECT delivery_id, line_number, line_ref, parent_id, child_id, lrk_number, hours_hundredths, hourly_rate_cents, amount_cents, end_on
    FROM line
    WHERE organisation_id = $1 AND month = $2 AND outcome IN ('applied', 'unchanged') AND superseded_at IS NULL
), before AS MATERIALIZED (
    SELECT parent_id, child_id, lrk_number, hourly_rate_cents
    FROM line
    WHERE organisation_id = $1 AND month = $3 AND outcome IN ('applied', 'unchanged') AND superseded_at IS NULL
), found AS (
    -- What the line itself says of the end counts more than what an earlier month said.
    SELECT 'hours-after-end-date' AS code, standing.delivery_id, standing.line_number, standing.line_ref, standing.lrk_number
    FROM standing
    LEFT JOIN LATERAL (
        SELECT earlier.end_on
        FROM line AS earlier
        WHERE earlier.child_id = standing.child_id AND earlier.lrk_number = standing.lrk_number AND earlier.parent_id = standing.parent_id
            AND earlier.month < $2 AND earlier.organisation_id = $1
            AND earlier.superseded_at IS NULL AND earlier.outcome IN ('applied', 'unchanged')
        ORDER BY earlier.month DESC
        LIMIT 1
    ) AS said ON standing.end_on IS NULL
    WHERE standing.hours_hundredths > 0 AND coalesce(standing.end_on, said.end_on) < $2
    UNION ALL
    SELECT 'child-at-two-locations', delivery_id, line_number, line_ref, lrk_number
    FROM standing
    WHERE child_id IN (
        SELECT child_id FROM standing GROUP BY child_id HAVING count(DISTINCT lrk_number) > 1 AND sum(hours_hundredths) > $4::integer
    )
    UNION ALL
    SELECT 'waiting-long', delivery_id, line_number, line_ref, lrk_number
    FROM line
    WHERE organisation_id = $1 AND month = $2 AND outcome = 'parked' AND superseded_at IS NULL
        AND recorded_at < statement_timestamp() - interval '1 month'
    UNION ALL
    SELECT 'hourly-rate-jump', standing.delivery_id, standing.line_number, standing.line_ref, standing.lrk_number
    FROM standing
    JOIN before USING (parent_id, child_id, lrk_number)
    WHERE standing.hourly_rate_cents > before.hourly_rate_cents * $5::integer
        OR before.hourly_rate_cents > standing.hourly_rate_cents * $5::integer
    UNION ALL
    SELECT 'amounts-missing', delivery_id, line_number, line_ref, lrk_number
    FROM standing
    WHERE lrk_number IN (SELECT lrk_number FROM standing GROUP BY lrk_number HAVING count(amount_cents) = 0)
), placed AS (
    SELECT *, row_number() OVER (PARTITION BY code ORDER BY lrk_number, delivery_id, line_number) AS place
    FROM found
)
SELECT code, count(*)::integer AS lines, jsonb_agg(
    jsonb_build_object('deliveryId', delivery_id, 'lineNumber', line_number, 'lineRef', line_ref, 'lrkNumber', lrk_number)
    ORDER BY place
) FILTER (WHERE place <= 5) AS examples
FROM placed
GROUP BY code
ORDER BY code;
