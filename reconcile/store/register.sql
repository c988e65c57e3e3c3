-- The register: organisations, locations and who holds them.

-- name: organisation_by_oin
SELECT organisation_id, oin, name, is_sandbox
FROM organisation
WHERE oin = $1;

-- name: oin_of_organisation
SELECT oin FROM organisation WHERE organisation_id = $1;

-- name: stand_of_locations
-- What keeps organisation $1 from reporting for these locations in these months, and the care type of each location that there is. Only
-- a location that was not registered is not also told to be another's. Without a month it must have been hers at any time.
SELECT named.lrk_number, named.month, location.care_type, CASE
    WHEN location.lrk_number IS NULL THEN NULL
    WHEN location.registered_on > (named.month + interval '1 month - 1 day')::date
        OR location.deregistered_on <= named.month THEN 'lrk-number-not-registered'
    WHEN NOT EXISTS (
        SELECT FROM location_holding AS holding
        WHERE holding.lrk_number = named.lrk_number AND holding.organisation_id = $1
            AND daterange(holding.from_on, holding.until_on, '[]') && daterange(named.month, (named.month + interval '1 month')::date)
    ) THEN 'lrk-number-not-yours'
END AS fault
FROM unnest($2::text[], $3::date[]) AS named (lrk_number, month)
LEFT JOIN location ON location.lrk_number = named.lrk_number;

-- name: upsert_organisations
-- One row per holder; a new name replaces the old one.
INSERT INTO organisation (oin, kvk_number, name)
SELECT oin, kvk_number, name
FROM unnest($1::text[], $2::text[], $3::text[]) AS holder (oin, kvk_number, name)
ON CONFLICT (kvk_number) DO UPDATE SET name = excluded.name
WHERE organisation.name <> excluded.name;

-- name: mark_sandbox
UPDATE organisation SET is_sandbox = true WHERE kvk_number = ANY ($1::text[]) AND NOT is_sandbox;

-- name: upsert_locations
INSERT INTO location (lrk_number, care_type, name, registered_on, deregistered_on)
SELECT lrk_number, care_type, name, registered_on, CASE WHEN is_registered THEN NULL ELSE greatest($6::date, registered_on) END
FROM unnest($1::text[], $2::text[], $3::text[], $4::date[], $5::boolean[])
    AS row (lrk_number, care_type, name, registered_on, is_registered)
ON CONFLICT (lrk_number) DO UPDATE SET
    name = excluded.name,
    -- The day it was first seen as no longer registered stays; coming back takes it away.
    deregistered_on = CASE
        WHEN excluded.deregistered_on IS NULL THEN NULL
        ELSE coalesce(location.deregistered_on, excluded.deregistered_on)
    END;

-- name: end_holdings
-- Holders that the snapshot no longer names for a location it does name: their last day is the day before the snapshot.
UPDATE location_holding AS holding
SET until_on = greatest($3::date - 1, holding.from_on)
WHERE holding.until_on IS NULL
    AND holding.lrk_number = ANY ($1::text[])
    AND NOT EXISTS (
        SELECT FROM unnest($1::text[], $2::text[]) AS named (lrk_number, kvk_number)
        JOIN organisation USING (kvk_number)
        WHERE named.lrk_number = holding.lrk_number AND organisation.organisation_id = holding.organisation_id
    );

-- name: begin_holdings
-- The first holder known of a location holds it since its registration; a later one since the snapshot that shows it.
INSERT INTO location_holding (lrk_number, organisation_id, from_on)
SELECT DISTINCT location.lrk_number, organisation.organisation_id,
    CASE
        WHEN EXISTS (SELECT FROM location_holding AS earlier WHERE earlier.lrk_number = location.lrk_number) THEN $3::date
        ELSE location.registered_on
    END
FROM unnest($1::text[], $2::text[]) AS named (lrk_number, kvk_number)
JOIN organisation USING (kvk_number)
JOIN location USING (lrk_number)
WHERE NOT EXISTS (
    SELECT FROM location_holding AS holding
    WHERE holding.lrk_number = location.lrk_number AND holding.organisation_id = organisation.organisation_id
        AND holding.until_on IS NULL
);

-- name: record_register_import
INSERT INTO register_import (content_sha256, as_of, location_count)
VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING;
