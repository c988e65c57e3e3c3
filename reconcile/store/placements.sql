-- Placements and what TVS declares on them; the reports that come home when a household becomes known.

-- name: insert_placements
-- $4 is the version of the household that this transaction will make, household by household.
INSERT INTO placement (household_id, child_id, lrk_number, version)
SELECT household_id, child_id, lrk_number, version
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[]) AS stated (household_id, child_id, lrk_number, version)
ORDER BY household_id, child_id, lrk_number
ON CONFLICT (household_id, child_id, lrk_number) DO NOTHING;

-- name: placements_of_households
SELECT household_id, placement_id, child_id, lrk_number
FROM placement
WHERE household_id = ANY ($1::uuid[]);

-- name: unknown_locations
SELECT DISTINCT named.lrk_number
FROM unnest($1::text[]) AS named (lrk_number)
WHERE NOT EXISTS (SELECT FROM location WHERE location.lrk_number = named.lrk_number);

-- name: supersede_declared_placements
UPDATE declared_placement AS known
SET superseded_at = statement_timestamp()
WHERE known.household_id = ANY ($1::uuid[]) AND known.superseded_at IS NULL
    AND NOT EXISTS (
        SELECT FROM unnest($2::uuid[], $3::uuid[], $4::date[], $5::date[]) AS stated (household_id, placement_id, start_on, end_on)
        WHERE stated.household_id = known.household_id AND stated.placement_id = known.placement_id
            AND stated.start_on IS NOT DISTINCT FROM known.start_on AND stated.end_on IS NOT DISTINCT FROM known.end_on
    );

-- name: insert_declared_placements
INSERT INTO declared_placement (household_id, placement_id, start_on, end_on)
SELECT household_id, placement_id, start_on, end_on
FROM unnest($1::uuid[], $2::uuid[], $3::date[], $4::date[]) AS stated (household_id, placement_id, start_on, end_on)
WHERE NOT EXISTS (
    SELECT FROM declared_placement AS known
    WHERE known.household_id = stated.household_id AND known.placement_id = stated.placement_id AND known.superseded_at IS NULL
);

-- name: supersede_declared_segments
UPDATE declared_segment AS known
SET superseded_at = statement_timestamp()
WHERE known.household_id = ANY ($1::uuid[]) AND known.superseded_at IS NULL
    AND NOT EXISTS (
        SELECT FROM unnest($2::uuid[], $3::uuid[], $4::date[], $5::date[], $6::integer[], $7::integer[])
            AS stated (household_id, placement_id, from_month, until_month, hours_hundredths, hourly_rate_cents)
        WHERE stated.household_id = known.household_id AND stated.placement_id = known.placement_id
            AND stated.from_month = known.from_month AND stated.until_month IS NOT DISTINCT FROM known.until_month
            AND stated.hours_hundredths = known.hours_hundredths AND stated.hourly_rate_cents = known.hourly_rate_cents
    );

-- name: insert_declared_segments
INSERT INTO declared_segment (household_id, placement_id, from_month, until_month, hours_hundredths, hourly_rate_cents)
SELECT household_id, placement_id, from_month, until_month, hours_hundredths, hourly_rate_cents
FROM unnest($1::uuid[], $2::uuid[], $3::date[], $4::date[], $5::integer[], $6::integer[])
    AS stated (household_id, placement_id, from_month, until_month, hours_hundredths, hourly_rate_cents)
WHERE NOT EXISTS (
    SELECT FROM declared_segment AS known
    WHERE known.household_id = stated.household_id AND known.placement_id = stated.placement_id
        AND known.from_month = stated.from_month AND known.superseded_at IS NULL
);

-- name: declared_as_of
-- What TVS declared for these placements at an instant, or declares now ($3 empty): JSON in the shape of Segment.
SELECT asked.placement_id,
    (
        SELECT stated.end_on
        FROM declared_placement AS stated
        WHERE stated.household_id = $1 AND stated.placement_id = asked.placement_id
            AND CASE WHEN $3::timestamptz IS NULL THEN stated.superseded_at IS NULL
                ELSE stated.recorded_at <= $3 AND (stated.superseded_at > $3) IS NOT FALSE END
    ) AS end_on,
    (
        SELECT coalesce(json_agg(json_build_object(
            'from_month', to_char(segment.from_month, 'YYYY-MM'),
            'until_month', to_char(segment.until_month, 'YYYY-MM'),
            'hours_hundredths', segment.hours_hundredths,
            'hourly_rate_cents', segment.hourly_rate_cents
        ) ORDER BY segment.from_month), '[]')
        FROM declared_segment AS segment
        WHERE segment.household_id = $1 AND segment.placement_id = asked.placement_id
            AND CASE WHEN $3::timestamptz IS NULL THEN segment.superseded_at IS NULL
                ELSE segment.recorded_at <= $3 AND (segment.superseded_at > $3) IS NOT FALSE END
    ) AS segments
FROM unnest($2::uuid[]) AS asked (placement_id);

-- name: end_processed_overlays
-- TVS said that these changes stand in this declaration version or an earlier one: the overlay has done its work.
UPDATE overlay_segment AS overlay
SET superseded_at = statement_timestamp()
FROM change
JOIN household USING (household_id)
WHERE overlay.household_id = ANY ($1::uuid[]) AND overlay.superseded_at IS NULL
    AND change.household_id = overlay.household_id AND change.change_id = overlay.change_id
    AND change.state = 'processed' AND change.declaration_version <= household.declaration_version
RETURNING overlay.household_id, overlay.placement_id;

-- name: insert_reported_placements
-- Care that only an organisation reports gets its placement as well.
INSERT INTO placement (household_id, child_id, lrk_number, version)
SELECT DISTINCT report.household_id, report.child_id, report.lrk_number, household.version + 1
FROM household_reports($1::uuid[]) AS report
JOIN household USING (household_id)
ON CONFLICT (household_id, child_id, lrk_number) DO NOTHING;

-- name: supersede_reported_hours
-- Reports that no longer belong to these households, say something else by now, or say it by another line: a report is as new as the
-- line that it comes from, and later ones are held against that.
UPDATE reported_hours AS known
SET superseded_at = statement_timestamp()
FROM placement
WHERE known.household_id = ANY ($1::uuid[]) AND known.superseded_at IS NULL
    AND placement.household_id = known.household_id AND placement.placement_id = known.placement_id
    AND NOT EXISTS (
        SELECT FROM (
            SELECT DISTINCT ON (household_id, child_id, lrk_number, month) *
            FROM household_reports($1::uuid[])
            ORDER BY household_id, child_id, lrk_number, month, sent_at DESC, received_at DESC, delivery_id DESC, line_number DESC
        ) AS report
        WHERE report.household_id = known.household_id AND report.child_id = placement.child_id
            AND report.lrk_number = placement.lrk_number AND report.month = known.month
            AND report.hours_hundredths = known.hours_hundredths AND report.hourly_rate_cents = known.hourly_rate_cents
            AND report.end_on IS NOT DISTINCT FROM known.end_on
            AND report.delivery_id = known.delivery_id AND report.line_number = known.line_number
    )
RETURNING known.household_id, known.placement_id;

-- name: insert_reported_hours
INSERT INTO reported_hours (household_id, placement_id, month, organisation_id, delivery_id, line_number,
    hours_hundredths, hourly_rate_cents, end_on, sent_at, received_at)
SELECT DISTINCT ON (placement.household_id, placement.placement_id, report.month)
    placement.household_id, placement.placement_id, report.month, report.organisation_id, report.delivery_id, report.line_number,
    report.hours_hundredths, report.hourly_rate_cents, report.end_on, report.sent_at, report.received_at
FROM household_reports($1::uuid[]) AS report
JOIN placement USING (household_id, child_id, lrk_number)
WHERE NOT EXISTS (
    SELECT FROM reported_hours AS known
    WHERE known.household_id = placement.household_id AND known.placement_id = placement.placement_id
        AND known.month = report.month AND known.superseded_at IS NULL
)
ORDER BY placement.household_id, placement.placement_id, report.month,
    report.sent_at DESC, report.received_at DESC, report.delivery_id DESC, report.line_number DESC
RETURNING household_id, placement_id;

-- name: touch_placements
-- The placement is the root row of its document: it carries the version at which anything below it changed.
UPDATE placement
SET version = household.version + 1,
    deleted = NOT EXISTS (
        SELECT FROM declared_placement AS declared
        WHERE declared.household_id = placement.household_id AND declared.placement_id = placement.placement_id
            AND declared.superseded_at IS NULL
    ) AND NOT EXISTS (
        SELECT FROM reported_hours AS reported
        WHERE reported.household_id = placement.household_id AND reported.placement_id = placement.placement_id
            AND reported.superseded_at IS NULL
    )
FROM household, unnest($1::uuid[], $2::uuid[]) AS touched (household_id, placement_id)
WHERE placement.household_id = touched.household_id AND placement.placement_id = touched.placement_id
    AND household.household_id = touched.household_id;
