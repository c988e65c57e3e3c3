-- What is kept of one difference: every version of it, and everything that came of it.

-- name: difference_anywhere
-- Without knowing the household: rare enough to look for it without an index.
SELECT difference.household_id, household.household_ref, difference.child_id, difference.year
FROM difference
JOIN household USING (household_id)
WHERE difference.difference_id = $1;

-- name: kept_versions
SELECT version, kind, state, proposal, route, explanation, effect, rules_version, judged_at, facts_at, recorded_at, texts, text_version
FROM difference_version
WHERE household_id = $1 AND difference_id = $2
ORDER BY version;

-- name: spanned_placements
SELECT placement_id
FROM difference_placement
WHERE household_id = $1 AND difference_id = $2
ORDER BY placement_id;

-- name: life_of_difference
-- In the order of time; `note` says more in a word or two, never who by name.
WITH given AS (
    SELECT answer.household_id, answer.kind, answer.answered_at, answer.difference_version, answer.change_id, answer.reason,
        answer.until_on, answer.ended_at, answer.deleted, (
        SELECT membership.role
        FROM membership
        WHERE membership.household_id = answer.household_id AND membership.person_id = answer.person_id
            AND membership.recorded_at <= answer.answered_at AND (membership.superseded_at > answer.answered_at) IS NOT FALSE
        ORDER BY membership.from_month DESC
        LIMIT 1
    ) AS role
    FROM answer
    WHERE answer.household_id = $1 AND answer.difference_id = $2
), told AS (
    SELECT * FROM notice WHERE notice.household_id = $1 AND notice.difference_id = $2
)
SELECT at, what, difference_version, note
FROM (
    SELECT 1 AS step, recorded_at AS at, 'version' AS what, version AS difference_version, state || ', ' || kind AS note
    FROM difference_version
    WHERE household_id = $1 AND difference_id = $2
    UNION ALL
    SELECT 2, recorded_at, 'notice', difference_version, sentence || CASE WHEN deleted THEN ', withdrawn before anybody was told' ELSE '' END
    FROM told
    UNION ALL
    SELECT 3, outbox.done_at, 'push', told.difference_version, outbox.state
    FROM told
    JOIN push USING (household_id, notice_id)
    JOIN outbox ON outbox.household_id = push.household_id AND outbox.kind = 'push' AND outbox.subject_id = push.push_id
    WHERE outbox.done_at IS NOT NULL
    UNION ALL
    SELECT 0, answered_at, CASE kind
        WHEN 'acceptance' THEN 'accepted' WHEN 'dispute' THEN 'disputed' WHEN 'postponement' THEN 'postponed' ELSE 'reversed'
    END, difference_version, 'by ' || coalesce(role, 'a parent') || coalesce(', ' || reason, ', until ' || until_on, '')
    FROM given
    UNION ALL
    SELECT 0, ended_at, 'ended', difference_version, kind || CASE WHEN deleted THEN ', taken back' ELSE '' END
    FROM given
    WHERE ended_at IS NOT NULL AND kind IN ('dispute', 'postponement')
    UNION ALL
    SELECT 5, change.sent_at, 'change', given.difference_version, 'sent to TVS' || CASE given.kind WHEN 'reversal' THEN ', to undo it' ELSE '' END
    FROM given
    JOIN change USING (household_id, change_id)
    WHERE change.sent_at IS NOT NULL
    UNION ALL
    SELECT 6, change.settled_at, 'change', given.difference_version, change.state || CASE change.state
        WHEN 'processed' THEN ', in declaration ' || change.declaration_version
        WHEN 'refused' THEN ', ' || change.reason
        WHEN 'reversed' THEN ', not sent any more'
        ELSE ''
    END || CASE given.kind WHEN 'reversal' THEN ', to undo it' ELSE '' END
    FROM given
    JOIN change USING (household_id, change_id)
    WHERE change.settled_at IS NOT NULL
) AS life
ORDER BY at, step, difference_version;
