-- Answers of parents, and the overlay that an acceptance lays over the declared hours.

-- name: lock_difference_to_answer
-- Locks the household, and reads what a tap must know: the difference, whether it is what the parent saw (at that version, or since then
-- only postponed by the household), the acceptance of what the parent saw, what lies over its placements by earlier ones (JSON in the
-- shape of OverlaySegment), whether anybody was to be told of it, and which child-years of the household an answer may touch (JSON in the
-- shape of ChildYear). A statement sees what was there when it began, and may have waited for the lock since: every writer raises the
-- household's version, so that it is current when both versions are one.
WITH locked AS (
    SELECT version
    FROM household
    WHERE household_id = $1
    FOR UPDATE
)
SELECT locked.version AS household_version, locked.version = household.version AS is_current,
    difference.version, difference.state, difference.proposal,
    difference.version = $3 OR (
        difference.state IN ('open', 'postponed') AND $3 >= difference.shown_since AND EXISTS (
            SELECT FROM difference_version AS seen
            WHERE seen.household_id = difference.household_id AND seen.difference_id = difference.difference_id AND seen.version = $3
        )
    ) AS is_as_seen,
    acceptance.answer_id, acceptance.difference_version, acceptance.change_id, acceptance.answered_at,
    (
        SELECT json_agg(json_build_object(
            'placement_id', segment.placement_id,
            'change_id', segment.change_id,
            'from_month', to_char(segment.from_month, 'YYYY-MM'),
            'until_month', to_char(segment.until_month, 'YYYY-MM'),
            'hours_hundredths', segment.hours_hundredths,
            'hourly_rate_cents', segment.hourly_rate_cents
        ) ORDER BY segment.placement_id, segment.from_month)
        FROM jsonb_array_elements(difference.proposal -> 'placements') AS proposed
        JOIN overlay_segment AS segment
            ON segment.household_id = difference.household_id AND segment.placement_id = (proposed ->> 'placementId')::uuid
            AND segment.superseded_at IS NULL
    ) AS overlay,
    EXISTS (
        SELECT FROM notice
        WHERE notice.household_id = difference.household_id AND notice.difference_id = difference.difference_id AND NOT notice.deleted
    ) AS is_told,
    (SELECT json_agg(touched) FROM reported_child_years(ARRAY[household.household_id]) AS touched) AS child_years
FROM locked
CROSS JOIN household
LEFT JOIN difference ON difference.household_id = household.household_id AND difference.difference_id = $2
LEFT JOIN answer AS acceptance
    ON acceptance.kind = 'acceptance' AND acceptance.household_id = difference.household_id AND acceptance.difference_id = difference.difference_id
    AND (acceptance.difference_version = $3 OR (
        difference.state = 'accepted' AND $3 < difference.version
        AND least($3, acceptance.difference_version) >= difference.shown_since
    ))
WHERE household.household_id = $1;

-- name: supersede_overlay
UPDATE overlay_segment
SET superseded_at = statement_timestamp()
WHERE household_id = $1 AND placement_id = ANY ($2::uuid[]) AND superseded_at IS NULL;

-- name: insert_acceptance
-- Acceptance, change and the obligation to forward it stand or fall together: each names the next, checked at commit. With them the
-- difference is answered, that version of it is kept, its placements are free for another one, the segments lie over them, and each
-- placement has the version at which that happened.
WITH accepted AS (
    INSERT INTO answer (household_id, answer_id, kind, version, difference_id, difference_version, person_id, change_id)
    VALUES ($1, $2, 'acceptance', $7, $3, $4, $5, $6)
    RETURNING household_id, answer_id, difference_id, difference_version, change_id, answered_at
), changed AS (
    INSERT INTO change (household_id, change_id, version, sequence, placements)
    SELECT household_id, change_id, $7, $7, $8::text::jsonb FROM accepted
), staged AS (
    INSERT INTO outbox (household_id, kind, subject_id, sequence)
    SELECT household_id, 'change', change_id, $7 FROM accepted
), answered AS (
    UPDATE difference
    SET state = 'accepted', version = $7, closed_at = statement_timestamp()
    WHERE household_id = $1 AND difference_id = $3
    RETURNING household_id, difference_id, version, kind, state, proposal, route, explanation, effect, rules_version, judged_at,
        facts_at, texts, text_version
), kept AS (
    INSERT INTO difference_version (household_id, difference_id, version, kind, state, proposal, route, explanation, effect,
        rules_version, judged_at, facts_at, texts, text_version)
    SELECT household_id, difference_id, version, kind, state, proposal, route, explanation, effect, rules_version, judged_at,
        facts_at, texts, text_version
    FROM answered
), freed AS (
    UPDATE difference_placement
    SET is_open = false
    WHERE household_id = $1 AND difference_id = $3
), laid AS (
    INSERT INTO overlay_segment (household_id, placement_id, change_id, from_month, until_month, hours_hundredths, hourly_rate_cents)
    SELECT $1, placement_id, change_id, from_month, until_month, hours_hundredths, hourly_rate_cents
    FROM jsonb_to_recordset($9::text::jsonb)
        AS laid (placement_id uuid, change_id uuid, from_month date, until_month date, hours_hundredths integer, hourly_rate_cents integer)
), placed AS (
    -- What is accepted over a placement makes it no tombstone, and ends none.
    UPDATE placement
    SET version = $7
    WHERE household_id = $1
        AND placement_id IN (SELECT (proposed ->> 'placementId')::uuid FROM jsonb_array_elements($8::text::jsonb) AS proposed)
)
SELECT answer_id, difference_id, difference_version, change_id, answered_at FROM accepted;

-- name: insert_overlay
INSERT INTO overlay_segment (household_id, placement_id, change_id, from_month, until_month, hours_hundredths, hourly_rate_cents)
SELECT $1, placement_id, change_id, from_month, until_month, hours_hundredths, hourly_rate_cents
FROM unnest($2::uuid[], $3::uuid[], $4::date[], $5::date[], $6::integer[], $7::integer[])
    AS laid (placement_id, change_id, from_month, until_month, hours_hundredths, hourly_rate_cents);

-- name: shown_answer
SELECT answer_id, version, deleted, kind, difference_id, difference_version, undone_change_id, reason, note, pass_on, until_on AS until,
    state, answered_by, answered_at, change_id, ended_at, problem, detail
FROM shown_answer
WHERE household_id = $1 AND answer_id = $2;

-- name: insert_refused_answer
INSERT INTO refused_answer (household_id, answer_id, version, person_id, sent, problem, detail)
VALUES ($1, $2, $3, $4, $5::text::jsonb, $6, $7);

-- name: forget_refused_answer
UPDATE refused_answer
SET deleted = true, version = $3
WHERE household_id = $1 AND answer_id = $2;

-- name: answer_by_id
-- With the role that the parent had who gave it.
SELECT answer.answer_id, answer.kind, answer.difference_id, answer.difference_version, answer.answered_at, (
        SELECT membership.role
        FROM membership
        WHERE membership.household_id = answer.household_id AND membership.person_id = answer.person_id
            AND membership.role IN ('applicant', 'partner')
            AND membership.recorded_at <= answer.answered_at AND (membership.superseded_at > answer.answered_at) IS NOT FALSE
        ORDER BY membership.from_month DESC
        LIMIT 1
    ) AS answered_by,
    answer.change_id, answer.reason, answer.note, answer.is_passed_on AS pass_on, answer.until_on AS until, answer.undone_change_id,
    answer.ended_at, answer.version
FROM answer
WHERE answer.household_id = $1 AND answer.answer_id = $2;

-- name: standing_answer
SELECT answer_id
FROM answer
WHERE household_id = $1 AND difference_id = $2 AND kind IN ('dispute', 'postponement') AND ended_at IS NULL;

-- name: insert_answer
INSERT INTO answer (household_id, answer_id, kind, version, difference_id, difference_version, person_id, reason, note, is_passed_on,
    until_on)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: edit_answer
UPDATE answer
SET version = $3, reason = $4, note = $5, is_passed_on = $6, until_on = $7
WHERE household_id = $1 AND answer_id = $2;

-- name: take_answer_back
UPDATE answer
SET version = $3, deleted = true, ended_at = statement_timestamp()
WHERE household_id = $1 AND answer_id = $2;
