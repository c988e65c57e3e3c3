-- Mandates: which vendor may send for which organisation.

-- name: is_mandated
SELECT is_mandated($1);

-- name: current_mandate
SELECT vendor_oin, from_on, until_on, recorded_at
FROM mandate
WHERE organisation_id = $1 AND vendor_oin = $2 AND superseded_at IS NULL;

-- name: mandates_of_organisation
SELECT vendor_oin, from_on, until_on, recorded_at
FROM mandate
WHERE organisation_id = $1 AND superseded_at IS NULL
ORDER BY vendor_oin;

-- name: supersede_mandate
UPDATE mandate
SET superseded_at = statement_timestamp()
WHERE organisation_id = $1 AND vendor_oin = $2 AND superseded_at IS NULL
RETURNING true;

-- name: insert_mandate
INSERT INTO mandate (organisation_id, vendor_oin, from_on, until_on)
VALUES ($1, $2, $3, $4)
RETURNING vendor_oin, from_on, until_on, recorded_at;
