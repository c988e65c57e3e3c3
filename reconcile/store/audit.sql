-- The audit chains, read for proof.

-- name: broken_household_links
-- Rows that do not follow from the row before, and chains that do not end at the head that the household holds, or whose household is gone.
SELECT link.household_id, link.number
FROM (
    SELECT audit.*, lag(audit.hash, 1, '\x') OVER chain AS expected_previous, lag(audit.number, 1, 0::bigint) OVER chain + 1 AS expected_number
    FROM household_audit AS audit
    WINDOW chain AS (PARTITION BY audit.household_id ORDER BY audit.number)
) AS link
WHERE link.previous_hash <> link.expected_previous OR link.number <> link.expected_number
    OR link.hash <> audit_link(link.previous_hash, link.number, link.recorded_at, link.event)
UNION ALL
SELECT household.household_id, household.audit_number
FROM household
WHERE household.audit_number > 0 AND NOT EXISTS (
    SELECT FROM household_audit AS audit
    WHERE audit.household_id = household.household_id AND audit.number = household.audit_number AND audit.hash = household.audit_hash
)
UNION ALL
SELECT audit.household_id, audit.number
FROM household_audit AS audit
LEFT JOIN household ON household.household_id = audit.household_id
WHERE household.household_id IS NULL OR audit.number > household.audit_number
ORDER BY 1, 2
LIMIT $1;

-- name: broken_pilot_links
-- The same for pilots, each of which has at least the link of its making.
SELECT link.pilot_id, link.number
FROM (
    SELECT audit.*, lag(audit.hash, 1, '\x') OVER chain AS expected_previous, lag(audit.number, 1, 0::bigint) OVER chain + 1 AS expected_number
    FROM pilot_audit AS audit
    WINDOW chain AS (PARTITION BY audit.pilot_id ORDER BY audit.number)
) AS link
WHERE link.previous_hash <> link.expected_previous OR link.number <> link.expected_number
    OR link.hash <> audit_link(link.previous_hash, link.number, link.recorded_at, link.event)
UNION ALL
SELECT pilot.pilot_id, pilot.audit_number
FROM pilot
WHERE NOT EXISTS (
    SELECT FROM pilot_audit AS audit
    WHERE audit.pilot_id = pilot.pilot_id AND audit.number = pilot.audit_number AND audit.hash = pilot.audit_hash
)
UNION ALL
SELECT audit.pilot_id, audit.number
FROM pilot_audit AS audit
LEFT JOIN pilot ON pilot.pilot_id = audit.pilot_id
WHERE pilot.pilot_id IS NULL OR audit.number > pilot.audit_number
ORDER BY 1, 2
LIMIT $1;

-- name: broken_organisation_links
-- The same for the chains of organisations.
SELECT link.organisation_id, link.number
FROM (
    SELECT audit.*, lag(audit.hash, 1, '\x') OVER chain AS expected_previous, lag(audit.number, 1, 0::bigint) OVER chain + 1 AS expected_number
    FROM organisation_audit AS audit
    WINDOW chain AS (PARTITION BY audit.organisation_id ORDER BY audit.number)
) AS link
WHERE link.previous_hash <> link.expected_previous OR link.number <> link.expected_number
    OR link.hash <> audit_link(link.previous_hash, link.number, link.recorded_at, link.event)
UNION ALL
SELECT head.organisation_id, head.number
FROM organisation_audit_head AS head
WHERE NOT EXISTS (
    SELECT FROM organisation_audit AS audit
    WHERE audit.organisation_id = head.organisation_id AND audit.number = head.number AND audit.hash = head.hash
)
OR EXISTS (
    SELECT FROM organisation_audit AS audit
    WHERE audit.organisation_id = head.organisation_id AND audit.number > head.number
)
ORDER BY 1, 2
LIMIT $1;
