-- What must hold of what is stored, household by household and delivery by delivery.

-- name: household_count
SELECT count(*) FROM household;

-- name: households_after
-- In the order of their numbers, with the newest instant at which anything of them changed.
SELECT household.household_id, (
    SELECT max(household_audit.recorded_at)
    FROM household_audit
    WHERE household_audit.household_id = household.household_id AND NOT is_reading(household_audit.event)
) AS changed_at
FROM household
WHERE $1::uuid IS NULL OR household.household_id > $1
ORDER BY household.household_id
LIMIT $2;

-- name: open_differences_of_households
SELECT household_id, difference_id, child_id, year, kind, proposal, route, explanation, effect, rules_version, judged_at, facts_at
FROM difference
WHERE household_id = ANY ($1::uuid[]) AND state IN ('open', 'postponed')
ORDER BY household_id, difference_id;

-- name: child_years_to_verify
-- Every child-year of which the judgement could say something, but those that wait for it.
SELECT household_id, child_id, year
FROM (
    SELECT placement.household_id, placement.child_id, extract(year FROM reported.month)::smallint AS year
    FROM placement
    JOIN reported_hours AS reported USING (household_id, placement_id)
    WHERE placement.household_id = ANY ($1::uuid[])
    UNION
    SELECT household_id, child_id, year
    FROM difference
    WHERE household_id = ANY ($1::uuid[]) AND state IN ('open', 'postponed')
    UNION
    SELECT household_id, child_id, year
    FROM missing_line
    WHERE household_id = ANY ($1::uuid[])
) AS judged
WHERE NOT EXISTS (
    SELECT FROM comparison_due AS due
    WHERE due.household_id = judged.household_id AND due.child_id = judged.child_id AND due.year = judged.year
)
ORDER BY household_id, child_id, year;

-- name: waiting_count_of_households
SELECT count(*) FROM comparison_due WHERE household_id = ANY ($1::uuid[]);

-- name: broken_rules_of_households
-- What the tables do not refuse by themselves, or no longer do when somebody took a constraint away.
WITH household AS MATERIALIZED (
    SELECT * FROM household WHERE household_id = ANY ($1::uuid[])
), difference AS MATERIALIZED (
    SELECT difference.* FROM difference WHERE household_id = ANY ($1::uuid[])
)
SELECT 'open-difference-without-placement' AS rule, difference.household_id, difference.difference_id AS subject_id
FROM difference
WHERE difference.state IN ('open', 'postponed') AND NOT EXISTS (
    SELECT FROM difference_placement AS spanned
    WHERE spanned.household_id = difference.household_id AND spanned.difference_id = difference.difference_id AND spanned.is_open
)
UNION ALL
SELECT DISTINCT 'placement-of-closed-difference-taken', difference.household_id, difference.difference_id
FROM difference
JOIN difference_placement AS spanned USING (household_id, difference_id)
WHERE difference.state NOT IN ('open', 'postponed') AND spanned.is_open
UNION ALL
SELECT 'answer-out-of-step', difference.household_id, difference.difference_id
FROM difference
WHERE (CASE difference.state WHEN 'postponed' THEN 'postponement' WHEN 'disputed' THEN 'dispute' END) IS DISTINCT FROM (
    SELECT answer.kind
    FROM answer
    WHERE answer.household_id = difference.household_id AND answer.difference_id = difference.difference_id
        AND answer.kind IN ('dispute', 'postponement') AND answer.ended_at IS NULL
)
UNION ALL
SELECT 'answer-outlives-its-change', answer.household_id, answer.difference_id
FROM household
JOIN answer USING (household_id)
JOIN change ON change.household_id = answer.household_id AND change.change_id = answer.change_id
WHERE change.state IN ('refused', 'reversed') AND answer.ended_at IS NULL
UNION ALL
SELECT 'difference-without-its-version', difference.household_id, difference.difference_id
FROM difference
WHERE NOT EXISTS (
    SELECT FROM difference_version AS kept
    WHERE kept.household_id = difference.household_id AND kept.difference_id = difference.difference_id
        AND kept.version = difference.version AND kept.kind = difference.kind AND kept.state = difference.state
        AND kept.proposal IS NOT DISTINCT FROM difference.proposal AND kept.route IS NOT DISTINCT FROM difference.route
        AND kept.explanation = difference.explanation AND kept.effect = difference.effect
        AND kept.rules_version = difference.rules_version AND kept.judged_at = difference.judged_at
        AND kept.facts_at = difference.facts_at AND kept.texts IS NOT DISTINCT FROM difference.texts
        AND kept.text_version IS NOT DISTINCT FROM difference.text_version
)
UNION ALL
SELECT 'shown-otherwise-since', difference.household_id, difference.difference_id
FROM difference
WHERE 1 < (
    SELECT count(DISTINCT (kept.kind, kept.proposal, kept.route, kept.explanation, kept.effect, kept.rules_version, kept.judged_at,
        kept.facts_at, kept.texts, kept.text_version))
    FROM difference_version AS kept
    WHERE kept.household_id = difference.household_id AND kept.difference_id = difference.difference_id
        AND kept.version BETWEEN difference.shown_since AND difference.version
)
UNION ALL
SELECT 'version-beyond-household', difference.household_id, difference.difference_id
FROM difference
JOIN household USING (household_id)
WHERE difference.version > household.version
UNION ALL
SELECT 'tombstone-out-of-step', placement.household_id, placement.placement_id
FROM household
JOIN placement USING (household_id)
WHERE placement.deleted = (
    EXISTS (
        SELECT FROM declared_placement AS known
        WHERE known.household_id = placement.household_id AND known.placement_id = placement.placement_id
            AND known.superseded_at IS NULL
    ) OR EXISTS (
        SELECT FROM reported_hours AS known
        WHERE known.household_id = placement.household_id AND known.placement_id = placement.placement_id
            AND known.superseded_at IS NULL
    )
)
UNION ALL
SELECT DISTINCT 'current-facts-overlap', one.household_id, one.placement_id
FROM household
JOIN declared_segment AS one USING (household_id)
JOIN declared_segment AS other USING (household_id, placement_id)
WHERE one.superseded_at IS NULL AND other.superseded_at IS NULL AND one.segment_id < other.segment_id
    AND daterange(one.from_month, one.until_month, '[]') && daterange(other.from_month, other.until_month, '[]')
UNION ALL
SELECT DISTINCT 'current-facts-overlap', one.household_id, one.placement_id
FROM household
JOIN overlay_segment AS one USING (household_id)
JOIN overlay_segment AS other USING (household_id, placement_id)
WHERE one.superseded_at IS NULL AND other.superseded_at IS NULL AND one.segment_id < other.segment_id
    AND daterange(one.from_month, one.until_month, '[]') && daterange(other.from_month, other.until_month, '[]')
UNION ALL
SELECT 'current-facts-overlap', household_id, placement_id
FROM household
JOIN reported_hours AS reported USING (household_id)
WHERE reported.superseded_at IS NULL
GROUP BY household_id, placement_id, month
HAVING count(*) > 1
UNION ALL
-- The clock of the server orders what is known: it may not have gone back.
SELECT DISTINCT 'audit-goes-back-in-time', link.household_id, NULL::uuid
FROM (
    SELECT household_id, recorded_at, lag(recorded_at) OVER (PARTITION BY household_id ORDER BY number) AS before
    FROM household_audit
    WHERE household_id = ANY ($1::uuid[])
) AS link
WHERE link.recorded_at < link.before
ORDER BY 2, 1, 3;

-- name: broken_deliveries
-- received = applied + unchanged + superseded + parked + rejected, counted from the lines; the deliveries after $1, $2 in their order.
-- A delivery that is worked on counts while it goes.
SELECT delivery.organisation_id, delivery.delivery_id,
    delivery.state NOT IN ('applied', 'withdrawn') OR delivery.duplicate_of IS NOT NULL OR (
        delivery.lines_read = counted.lines AND delivery.applied_count = counted.applied AND delivery.unchanged_count = counted.unchanged
        AND delivery.superseded_count = counted.superseded AND delivery.parked_count = counted.parked
        AND delivery.rejected_count = counted.rejected
    ) AS is_whole
FROM (
    SELECT organisation_id, delivery_id, state, duplicate_of, lines_read, applied_count, unchanged_count, superseded_count, parked_count,
        rejected_count
    FROM delivery
    WHERE $1::uuid IS NULL OR (delivery.organisation_id, delivery.delivery_id) > ($1, $2::uuid)
    ORDER BY delivery.organisation_id, delivery.delivery_id
    LIMIT $3
) AS delivery
CROSS JOIN LATERAL (
    SELECT count(*) AS lines, count(*) FILTER (WHERE line.outcome = 'applied') AS applied,
        count(*) FILTER (WHERE line.outcome = 'unchanged') AS unchanged, count(*) FILTER (WHERE line.outcome = 'superseded') AS superseded,
        count(*) FILTER (WHERE line.outcome = 'parked') AS parked, count(*) FILTER (WHERE line.outcome = 'rejected') AS rejected
    FROM line
    WHERE line.organisation_id = delivery.organisation_id AND line.delivery_id = delivery.delivery_id
) AS counted
ORDER BY delivery.organisation_id, delivery.delivery_id;
