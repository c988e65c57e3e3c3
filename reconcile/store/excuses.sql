-- Excuses: why a month of an organisation, or of one of its locations, comes late.

-- name: current_excuses
SELECT organisation_id, lrk_number, reason, note, deliver_on, recorded_at
FROM excuse
WHERE ($1::uuid[] IS NULL OR organisation_id = ANY ($1)) AND month = $2 AND superseded_at IS NULL
ORDER BY organisation_id, lrk_number NULLS FIRST;

-- name: is_held
SELECT EXISTS (
    SELECT FROM location_holding AS holding
    WHERE holding.lrk_number = $2 AND holding.organisation_id = $1
        AND daterange(holding.from_on, holding.until_on, '[]') && daterange($3::date, ($3::date + interval '1 month')::date)
);

-- name: insert_excuse
INSERT INTO excuse (organisation_id, month, lrk_number, reason, note, deliver_on)
VALUES ($1, $2, $3, $4, $5, $6);

-- name: supersede_excuse
UPDATE excuse
SET superseded_at = statement_timestamp()
WHERE organisation_id = $1 AND month = $2 AND lrk_number IS NOT DISTINCT FROM $3 AND superseded_at IS NULL
RETURNING true;
