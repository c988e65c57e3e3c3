-- Expected deliveries. $1 limits to these organisations; without it all are looked at, but for the sandbox, of which nothing is expected.
-- Who asks sees lines and deliveries as row-level security shows them: an organisation its own, a vendor those that it sent, a pilot
-- manager counts of all.

-- name: location_months
-- The locations that are held in month $2, with their lines that stand or wait, in it and in month $3 before. Counted for one
-- organisation after the other (LATERAL): its place in the index is small, whatever the history of the country.
SELECT held.organisation_id, held.lrk_number, coalesce(counted.lines, 0) AS lines, coalesce(counted.lines_before, 0) AS lines_before,
    EXISTS (
        SELECT FROM completeness
        WHERE completeness.organisation_id = held.organisation_id AND completeness.lrk_number = held.lrk_number
            AND completeness.month = $2::date AND completeness.superseded_at IS NULL
    ) AS is_complete
FROM (
    SELECT DISTINCT holding.organisation_id, holding.lrk_number
    FROM location_holding AS holding
    JOIN location USING (lrk_number)
    WHERE ($1::uuid[] IS NULL OR holding.organisation_id = ANY ($1))
        AND daterange(holding.from_on, holding.until_on, '[]') && daterange($2::date, ($2::date + interval '1 month')::date)
        AND location.registered_on < ($2::date + interval '1 month')::date
        AND (location.deregistered_on IS NULL OR location.deregistered_on > $2::date)
) AS held
LEFT JOIN (
    SELECT organisation.organisation_id, of_location.lrk_number, of_location.lines, of_location.lines_before
    FROM organisation
    CROSS JOIN LATERAL (
        SELECT line.lrk_number, count(*) FILTER (WHERE line.month = $2::date) AS lines, count(*) FILTER (WHERE line.month = $3) AS lines_before
        FROM line
        WHERE line.organisation_id = organisation.organisation_id AND line.month IN ($2::date, $3)
            AND line.outcome IN ('applied', 'unchanged', 'parked') AND line.superseded_at IS NULL
        GROUP BY line.lrk_number
    ) AS of_location
    WHERE $1::uuid[] IS NULL OR organisation.organisation_id = ANY ($1)
) AS counted USING (organisation_id, lrk_number)
ORDER BY held.organisation_id, held.lrk_number;

-- name: senders
-- Each organisation with its last delivery, its last one that could not be read, when it last succeeded and failed (could not be read,
-- or was refused at the door), and the last month of which a line stands or waits.
SELECT organisation.organisation_id, organisation.oin, organisation.name, last.received_at AS last_received_at, last.state AS last_state,
    (
        SELECT max(delivery.received_at)
        FROM delivery
        WHERE delivery.organisation_id = organisation.organisation_id AND delivery.state = 'unreadable'
    ) AS last_unreadable_at,
    (
        SELECT max(delivery.received_at)
        FROM delivery
        WHERE delivery.organisation_id = organisation.organisation_id AND delivery.state = 'applied'
    ) AS last_success_at,
    greatest(
        (
            SELECT max(delivery.received_at)
            FROM delivery
            WHERE delivery.organisation_id = organisation.organisation_id AND delivery.state = 'unreadable'
        ),
        (SELECT max(attempt.attempted_at) FROM delivery_attempt AS attempt WHERE attempt.organisation_id = organisation.organisation_id)
    ) AS last_failure_at,
    (
        SELECT to_char(max(line.month), 'YYYY-MM')
        FROM line
        WHERE line.organisation_id = organisation.organisation_id
            AND line.outcome IN ('applied', 'unchanged', 'parked') AND line.superseded_at IS NULL
    ) AS last_month
FROM organisation
LEFT JOIN LATERAL (
    SELECT delivery.received_at, delivery.state
    FROM delivery
    WHERE delivery.organisation_id = organisation.organisation_id AND delivery.state <> 'arriving'
    ORDER BY delivery.received_at DESC
    LIMIT 1
) AS last ON true
WHERE CASE WHEN $1::uuid[] IS NULL THEN NOT organisation.is_sandbox ELSE organisation.organisation_id = ANY ($1) END
ORDER BY organisation.name, organisation.oin;

-- name: vendor_outcomes
SELECT vendor.vendor_oin, landed.last_success_at, greatest(landed.last_unreadable_at, refused.last_refused_at) AS last_failure_at
FROM unnest($1::text[]) AS vendor (vendor_oin)
CROSS JOIN LATERAL (
    SELECT max(received_at) FILTER (WHERE state = 'applied') AS last_success_at,
        max(received_at) FILTER (WHERE state = 'unreadable') AS last_unreadable_at
    FROM delivery
    WHERE delivery.sender_oin = vendor.vendor_oin
) AS landed
CROSS JOIN LATERAL (
    SELECT max(attempted_at) AS last_refused_at FROM delivery_attempt WHERE delivery_attempt.sender_oin = vendor.vendor_oin
) AS refused;

-- name: current_mandates
-- Who may send for whom today, as far as who asks may see it.
SELECT organisation_id, vendor_oin
FROM mandate
WHERE superseded_at IS NULL AND from_on <= (now() AT TIME ZONE 'Europe/Amsterdam')::date
    AND (until_on IS NULL OR until_on >= (now() AT TIME ZONE 'Europe/Amsterdam')::date)
ORDER BY vendor_oin, organisation_id;
