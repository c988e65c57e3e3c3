-- What a household's phones follow. Each page is one statement: whether who asks is a parent of the household in this month, where
-- the household is, and the documents after a checkpoint in the order of (version, number). One row without a document stands for
-- an empty page; no row at all says that who asks is no parent of it.

-- name: standing
SELECT membership.from_month, household.version AS household_version
FROM household
JOIN membership ON membership.household_id = household.household_id
WHERE household.household_id = $1 AND membership.person_id = $2
    AND membership.role IN ('applicant', 'partner') AND membership.superseded_at IS NULL
    AND membership.from_month <= $3 AND (membership.until_month IS NULL OR membership.until_month >= $3);

-- name: placements_after
-- Names and months are JSON in the shape of rules/facts.py. A tombstone has none of it.
SELECT household.version AS household_version, standing.from_month AS standing_from_month, page.*
FROM household
JOIN membership AS standing ON standing.household_id = household.household_id
LEFT JOIN LATERAL (
    SELECT placement.version, placement.placement_id AS document_id, placement.deleted,
        placement.child_id, placement.lrk_number, location.care_type, location.name AS location_name, stated.start_on, stated.end_on,
        (
            SELECT membership.given_name
            FROM membership
            WHERE membership.household_id = placement.household_id AND membership.person_id = placement.child_id
            ORDER BY membership.superseded_at DESC NULLS FIRST, membership.from_month DESC
            LIMIT 1
        ) AS child_given_name,
        (
            SELECT json_agg(json_build_object(
                'from_month', to_char(segment.from_month, 'YYYY-MM'),
                'until_month', to_char(segment.until_month, 'YYYY-MM'),
                'hours_hundredths', segment.hours_hundredths,
                'hourly_rate_cents', segment.hourly_rate_cents
            ) ORDER BY segment.from_month)
            FROM declared_segment AS segment
            WHERE segment.household_id = placement.household_id AND segment.placement_id = placement.placement_id
                AND segment.superseded_at IS NULL
        ) AS declared,
        (
            SELECT json_agg(json_build_object(
                'from_month', to_char(segment.from_month, 'YYYY-MM'),
                'until_month', to_char(segment.until_month, 'YYYY-MM'),
                'hours_hundredths', segment.hours_hundredths,
                'hourly_rate_cents', segment.hourly_rate_cents
            ) ORDER BY segment.from_month)
            FROM overlay_segment AS segment
            WHERE segment.household_id = placement.household_id AND segment.placement_id = placement.placement_id
                AND segment.superseded_at IS NULL
        ) AS accepted,
        (
            SELECT json_agg(json_build_object(
                'month', to_char(reported.month, 'YYYY-MM'),
                'hours_hundredths', reported.hours_hundredths,
                'hourly_rate_cents', reported.hourly_rate_cents,
                'end_on', reported.end_on,
                'organisation_name', organisation.name,
                'delivery_id', reported.delivery_id,
                'line_number', reported.line_number,
                'received_at', reported.received_at
            ) ORDER BY reported.month)
            FROM reported_hours AS reported
            JOIN organisation USING (organisation_id)
            WHERE reported.household_id = placement.household_id AND reported.placement_id = placement.placement_id
                AND reported.superseded_at IS NULL
        ) AS reported
    FROM placement
    JOIN location USING (lrk_number)
    LEFT JOIN declared_placement AS stated
        ON stated.household_id = placement.household_id AND stated.placement_id = placement.placement_id
        AND stated.superseded_at IS NULL
    WHERE placement.household_id = household.household_id AND (placement.version, placement.placement_id) > ($4, $5)
    ORDER BY placement.version, placement.placement_id
    LIMIT $6
) AS page ON true
WHERE household.household_id = $1 AND standing.person_id = $2
    AND standing.role IN ('applicant', 'partner') AND standing.superseded_at IS NULL
    AND standing.from_month <= $3 AND (standing.until_month IS NULL OR standing.until_month >= $3);

-- name: differences_after
SELECT household.version AS household_version, standing.from_month AS standing_from_month, page.*
FROM household
JOIN membership AS standing ON standing.household_id = household.household_id
LEFT JOIN LATERAL (
    SELECT shown.*, shown.difference_id AS document_id
    FROM shown_difference AS shown
    WHERE shown.household_id = household.household_id AND (shown.version, shown.difference_id) > ($4, $5)
    ORDER BY shown.version, shown.difference_id
    LIMIT $6
) AS page ON true
WHERE household.household_id = $1 AND standing.person_id = $2
    AND standing.role IN ('applicant', 'partner') AND standing.superseded_at IS NULL
    AND standing.from_month <= $3 AND (standing.until_month IS NULL OR standing.until_month >= $3);

-- name: changes_after
SELECT household.version AS household_version, standing.from_month AS standing_from_month, page.*
FROM household
JOIN membership AS standing ON standing.household_id = household.household_id
LEFT JOIN LATERAL (
    SELECT change.version, change.change_id AS document_id, change.deleted,
        acceptance.difference_id, acceptance.difference_version, change.state, change.placements,
        acceptance.answered_at, change.sent_at, change.settled_at, change.reason, change.declaration_version
    FROM change
    JOIN acceptance ON acceptance.household_id = change.household_id AND acceptance.change_id = change.change_id
    WHERE change.household_id = household.household_id AND (change.version, change.change_id) > ($4, $5)
    ORDER BY change.version, change.change_id
    LIMIT $6
) AS page ON true
WHERE household.household_id = $1 AND standing.person_id = $2
    AND standing.role IN ('applicant', 'partner') AND standing.superseded_at IS NULL
    AND standing.from_month <= $3 AND (standing.until_month IS NULL OR standing.until_month >= $3);

-- name: notices_after
SELECT household.version AS household_version, standing.from_month AS standing_from_month, page.*
FROM household
JOIN membership AS standing ON standing.household_id = household.household_id
LEFT JOIN LATERAL (
    SELECT notice.version, notice.notice_id AS document_id, notice.deleted,
        notice.difference_id, notice.difference_version, notice.sentence, notice.recorded_at
    FROM notice
    WHERE notice.household_id = household.household_id AND (notice.version, notice.notice_id) > ($4, $5)
    ORDER BY notice.version, notice.notice_id
    LIMIT $6
) AS page ON true
WHERE household.household_id = $1 AND standing.person_id = $2
    AND standing.role IN ('applicant', 'partner') AND standing.superseded_at IS NULL
    AND standing.from_month <= $3 AND (standing.until_month IS NULL OR standing.until_month >= $3);
