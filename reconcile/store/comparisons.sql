-- Which child-years must be judged, and the facts to judge them by.

-- name: mark_comparisons
-- Of the child-years that were touched: those that are unequal somewhere in the year, or have an open or postponed difference. No tolerance
-- here: what is too small to tell is the judgement's to decide.
INSERT INTO comparison_due (household_id, child_id, year)
SELECT DISTINCT touched.household_id, touched.child_id, touched.year
FROM unnest($1::uuid[], $2::uuid[], $3::smallint[]) AS touched (household_id, child_id, year)
WHERE (
    -- A value and not EXISTS, which the planner may answer by reading every open difference once.
    SELECT true
    FROM difference
    WHERE difference.household_id = touched.household_id AND difference.child_id = touched.child_id
        AND difference.year = touched.year AND difference.state IN ('open', 'postponed')
    LIMIT 1
) OR EXISTS (
    SELECT FROM placement
    JOIN reported_hours AS reported
        ON reported.household_id = placement.household_id AND reported.placement_id = placement.placement_id
        AND reported.superseded_at IS NULL
        AND reported.month BETWEEN make_date(touched.year, 1, 1) AND make_date(touched.year, 12, 1)
    WHERE placement.household_id = touched.household_id AND placement.child_id = touched.child_id
        AND (
            reported.end_on IS NOT NULL
            OR NOT coalesce(
                (
                    -- Where a reversal lets nothing count as declared, the hours are empty.
                    SELECT coalesce(overlay.hours_hundredths = reported.hours_hundredths
                        AND overlay.hourly_rate_cents = reported.hourly_rate_cents, false)
                    FROM overlay_segment AS overlay
                    WHERE overlay.household_id = reported.household_id AND overlay.placement_id = reported.placement_id
                        AND overlay.superseded_at IS NULL AND overlay.from_month <= reported.month
                        AND (overlay.until_month IS NULL OR overlay.until_month >= reported.month)
                ),
                (
                    SELECT declared.hours_hundredths = reported.hours_hundredths
                        AND declared.hourly_rate_cents = reported.hourly_rate_cents
                    FROM declared_segment AS declared
                    WHERE declared.household_id = reported.household_id AND declared.placement_id = reported.placement_id
                        AND declared.superseded_at IS NULL AND declared.from_month <= reported.month
                        AND (declared.until_month IS NULL OR declared.until_month >= reported.month)
                ),
                false
            )
        )
)
ORDER BY 1, 2, 3
ON CONFLICT (household_id, child_id, year) DO UPDATE
SET marked_at = excluded.marked_at, due_at = least(comparison_due.due_at, excluded.due_at);

-- name: mark_child_year_of_difference
INSERT INTO comparison_due (household_id, child_id, year)
SELECT household_id, child_id, year
FROM difference
WHERE household_id = $1 AND difference_id = $2
ON CONFLICT (household_id, child_id, year) DO UPDATE
SET marked_at = excluded.marked_at, due_at = least(comparison_due.due_at, excluded.due_at);

-- name: mark_missing_lines_of_delivery
-- What a delivery called complete, and has no line for. No household is locked for long: few have such a month. Locked they must be,
-- in ascending order: who marks the same child-year under the lock of its household would wait for us, and we for the household.
WITH missing AS MATERIALIZED (
    SELECT DISTINCT household_id, child_id, year
    FROM missing_line
    WHERE organisation_id = $1 AND delivery_id = $2
), locked AS MATERIALIZED (
    SELECT household_id
    FROM household
    WHERE household_id IN (SELECT household_id FROM missing)
    ORDER BY household_id
    FOR UPDATE
)
INSERT INTO comparison_due (household_id, child_id, year)
SELECT household_id, child_id, year
FROM locked
JOIN missing USING (household_id)
ORDER BY 1, 2, 3
ON CONFLICT (household_id, child_id, year) DO UPDATE
SET marked_at = excluded.marked_at, due_at = least(comparison_due.due_at, excluded.due_at);

-- name: mark_missing_lines_of_households
INSERT INTO comparison_due (household_id, child_id, year)
SELECT DISTINCT household_id, child_id, year
FROM missing_line
WHERE household_id = ANY ($1::uuid[])
ORDER BY 1, 2, 3
ON CONFLICT (household_id, child_id, year) DO UPDATE
SET marked_at = excluded.marked_at, due_at = least(comparison_due.due_at, excluded.due_at);

-- name: reported_child_years
SELECT household_id, child_id, year FROM reported_child_years($1);

-- name: lock_due_households
-- Households that another writer holds are left to the next look: judging never waits and never makes a tap wait.
SELECT locked.household_id, locked.version
FROM (
    SELECT DISTINCT household_id FROM comparison_due WHERE due_at <= now() ORDER BY household_id
) AS due
CROSS JOIN LATERAL (
    SELECT household.household_id, household.version
    FROM household
    WHERE household.household_id = due.household_id
    FOR UPDATE SKIP LOCKED
) AS locked
LIMIT $1;

-- name: take_due_comparisons
-- Under the household's lock nobody can mark a child-year that is not seen by what is read next.
DELETE FROM comparison_due
WHERE household_id = ANY ($1::uuid[]) AND due_at <= now()
RETURNING household_id, child_id, year;

-- name: postpone_comparisons
UPDATE comparison_due
SET attempts = attempts + 1, last_error = $2, due_at = now() + least(interval '1 hour', interval '10 seconds' * 2 ^ attempts)
WHERE household_id = $1;

-- name: lock_completeness
-- What is called complete belongs to no household, so that no household's lock orders it with the judgement: this lock does. Who changes
-- it waits for those who judge, before it takes the instant of the change, and nobody judges until it is in.
SELECT pg_advisory_xact_lock(hashtext('kot.completeness'));

-- name: lock_completeness_shared
-- Judging never waits: when what is called complete is changing at this moment, whoever changes it wakes the judgement after.
SELECT pg_try_advisory_xact_lock_shared(hashtext('kot.completeness'));

-- name: household_facts
-- One JSON document for each household, in the shape of rules/facts.py: everything the judgement may read; and the instant at which it
-- is read. `as_of.py` makes the same statement about an earlier instant of this one: every table here either keeps what was known when
-- (recorded_at, superseded_at) or is named there.
SELECT household.household_id, statement_timestamp() AS facts_at, jsonb_build_object(
    'household_id', household.household_id,
    'incomes', (
        SELECT coalesce(jsonb_object_agg(income.year, income.amount_euro), '{}')
        FROM income
        WHERE income.household_id = household.household_id AND income.superseded_at IS NULL
    ),
    'awarded_years', (
        SELECT coalesce(jsonb_agg(awarded_year.year), '[]')
        FROM awarded_year
        WHERE awarded_year.household_id = household.household_id AND awarded_year.superseded_at IS NULL
    ),
    'accepted', (
        -- What was taken over, newest for each placement and year, with the months that the parent saw.
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'placement_id', taken.placement_id,
            'year', taken.year,
            'accepted_at', taken.answered_at,
            'segments', (
                SELECT jsonb_agg(jsonb_build_object(
                    'from_month', segment ->> 'from',
                    'until_month', segment ->> 'until',
                    'hours_hundredths', ((segment ->> 'hours')::numeric * 100)::integer,
                    'hourly_rate_cents', ((segment ->> 'hourlyRate')::numeric * 100)::integer
                ))
                FROM jsonb_array_elements(taken.segments) AS segment
            ),
            'seen', (
                SELECT coalesce(jsonb_agg(jsonb_build_object(
                    'month', compared ->> 'month',
                    'hours_hundredths', ((compared -> 'reported' ->> 'hours')::numeric * 100)::integer,
                    'hourly_rate_cents', ((compared -> 'reported' ->> 'hourlyRate')::numeric * 100)::integer
                )), '[]')
                FROM jsonb_array_elements(taken.months) AS compared
                WHERE compared -> 'reported' ->> 'hours' IS NOT NULL
            )
        ) ORDER BY taken.answered_at, taken.placement_id), '[]')
        FROM (
            SELECT DISTINCT ON (proposed ->> 'placementId', difference.year)
                (proposed ->> 'placementId')::uuid AS placement_id, difference.year, acceptance.answered_at,
                proposed -> 'segments' AS segments,
                CASE seen.explanation -> 'movedFrom' ->> 'placementId'
                    WHEN proposed ->> 'placementId' THEN seen.explanation -> 'movedFrom' -> 'months'
                    ELSE seen.explanation -> 'months'
                END AS months
            FROM answer AS acceptance
            JOIN change USING (household_id, change_id)
            JOIN difference USING (household_id, difference_id)
            JOIN difference_version AS seen
                ON seen.household_id = acceptance.household_id AND seen.difference_id = acceptance.difference_id
                AND seen.version = acceptance.difference_version
            CROSS JOIN LATERAL jsonb_array_elements(change.placements) AS proposed
            WHERE acceptance.household_id = household.household_id AND acceptance.kind = 'acceptance' AND change.state <> 'refused'
                -- A value and not EXISTS, as above.
                AND (
                    SELECT true
                    FROM answer AS reversal
                    LEFT JOIN change AS undoing
                        ON undoing.household_id = reversal.household_id AND undoing.change_id = reversal.change_id
                    WHERE reversal.kind = 'reversal' AND reversal.household_id = acceptance.household_id
                        AND reversal.undone_change_id = acceptance.change_id AND undoing.state IS DISTINCT FROM 'refused'
                    LIMIT 1
                ) IS NULL
            ORDER BY proposed ->> 'placementId', difference.year, acceptance.answered_at DESC
        ) AS taken
    ),
    'children', (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'child_id', child.child_id,
            'birth_date', child.birth_date,
            'placements', (
                SELECT jsonb_agg(jsonb_build_object(
                    'placement_id', placement.placement_id,
                    'lrk_number', placement.lrk_number,
                    'care_type', location.care_type,
                    'location_name', location.name,
                    'is_declared', stated.placement_id IS NOT NULL,
                    'start_on', stated.start_on,
                    'end_on', stated.end_on,
                    'declared_at', household.declared_at,
                    'declared', (
                        SELECT coalesce(jsonb_agg(jsonb_build_object(
                            'from_month', to_char(segment.from_month, 'YYYY-MM'),
                            'until_month', to_char(segment.until_month, 'YYYY-MM'),
                            'hours_hundredths', segment.hours_hundredths,
                            'hourly_rate_cents', segment.hourly_rate_cents
                        ) ORDER BY segment.from_month), '[]')
                        FROM declared_segment AS segment
                        WHERE segment.household_id = placement.household_id AND segment.placement_id = placement.placement_id
                            AND segment.superseded_at IS NULL
                    ),
                    'overlay', (
                        SELECT coalesce(jsonb_agg(jsonb_build_object(
                            'from_month', to_char(segment.from_month, 'YYYY-MM'),
                            'until_month', to_char(segment.until_month, 'YYYY-MM'),
                            'hours_hundredths', segment.hours_hundredths,
                            'hourly_rate_cents', segment.hourly_rate_cents
                        ) ORDER BY segment.from_month), '[]')
                        FROM overlay_segment AS segment
                        WHERE segment.household_id = placement.household_id AND segment.placement_id = placement.placement_id
                            AND segment.superseded_at IS NULL AND segment.hours_hundredths IS NOT NULL
                    ),
                    'undeclared', (
                        SELECT coalesce(jsonb_agg(jsonb_build_object(
                            'from_month', to_char(segment.from_month, 'YYYY-MM'),
                            'until_month', to_char(segment.until_month, 'YYYY-MM')
                        ) ORDER BY segment.from_month), '[]')
                        FROM overlay_segment AS segment
                        WHERE segment.household_id = placement.household_id AND segment.placement_id = placement.placement_id
                            AND segment.superseded_at IS NULL AND segment.hours_hundredths IS NULL
                    ),
                    'reported', (
                        SELECT coalesce(jsonb_agg(jsonb_build_object(
                            'month', to_char(reported.month, 'YYYY-MM'),
                            'hours_hundredths', reported.hours_hundredths,
                            'hourly_rate_cents', reported.hourly_rate_cents,
                            'end_on', reported.end_on,
                            'organisation_name', organisation.name,
                            'delivery_id', reported.delivery_id,
                            'line_number', reported.line_number,
                            'received_at', reported.received_at
                        ) ORDER BY reported.month), '[]')
                        FROM reported_hours AS reported
                        JOIN organisation USING (organisation_id)
                        WHERE reported.household_id = placement.household_id AND reported.placement_id = placement.placement_id
                            AND reported.superseded_at IS NULL AND reported.month >= $2
                    ),
                    'complete_months', (
                        SELECT coalesce(jsonb_agg(DISTINCT to_char(completeness.month, 'YYYY-MM')), '[]')
                        FROM completeness
                        WHERE completeness.lrk_number = placement.lrk_number AND completeness.superseded_at IS NULL
                            AND completeness.month >= $2
                    )
                ) ORDER BY placement.placement_id)
                FROM placement
                JOIN location USING (lrk_number)
                LEFT JOIN declared_placement AS stated
                    ON stated.household_id = placement.household_id AND stated.placement_id = placement.placement_id
                    AND stated.superseded_at IS NULL
                WHERE placement.household_id = household.household_id AND placement.child_id = child.child_id
                    AND NOT placement.deleted
            )
        ) ORDER BY child.child_id), '[]')
        FROM (
            SELECT placement.child_id, (
                SELECT max(membership.birth_date)
                FROM membership
                WHERE membership.household_id = household.household_id AND membership.person_id = placement.child_id
                    AND membership.superseded_at IS NULL
            ) AS birth_date
            FROM placement
            WHERE placement.household_id = household.household_id AND NOT placement.deleted
            GROUP BY placement.child_id
        ) AS child
    )
) AS facts
FROM household
WHERE household.household_id = ANY ($1::uuid[]);
