-- Differences: as they stand, and every version as it was shown.

-- name: differences_of_children
-- What is open or was answered before about these child-years; one row a difference.
SELECT known.household_id, known.difference_id, known.child_id, known.year, known.state, known.facts_hash, known.content_hash,
    known.rules_version, known.judged_at,
    (
        SELECT array_agg(spanned.placement_id ORDER BY spanned.placement_id)
        FROM difference_placement AS spanned
        WHERE spanned.household_id = known.household_id AND spanned.difference_id = known.difference_id
    ) AS placement_ids
FROM unnest($1::uuid[], $2::uuid[], $3::smallint[]) AS judged (household_id, child_id, year)
CROSS JOIN LATERAL (
    SELECT *
    FROM difference
    WHERE difference.household_id = judged.household_id AND difference.child_id = judged.child_id AND difference.year = judged.year
        AND difference.state <> 'closed'
    OFFSET 0
) AS known;

-- name: insert_differences
INSERT INTO difference (household_id, difference_id, version, child_id, year, kind, facts_hash, content_hash, proposal, route,
    explanation, effect, rules_version, judged_at, facts_at, weight_cents, is_worth_telling, texts, text_version, shown_since)
SELECT household_id, difference_id, version, child_id, year, kind, facts_hash, content_hash, proposal::jsonb, route,
    explanation::jsonb, effect::jsonb, rules_version, judged_at, facts_at, weight_cents, is_worth_telling,
    texts::jsonb, text_version, version
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::smallint[], $6::text[], $7::bytea[], $8::bytea[], $9::text[],
    $10::text[], $11::text[], $12::text[], $13::text[], $14::timestamptz[], $15::timestamptz[], $16::bigint[], $17::boolean[],
    $18::text[], $19::text[])
    AS found (household_id, difference_id, version, child_id, year, kind, facts_hash, content_hash, proposal, route,
    explanation, effect, rules_version, judged_at, facts_at, weight_cents, is_worth_telling, texts, text_version);

-- name: insert_difference_placements
INSERT INTO difference_placement (household_id, difference_id, placement_id, year, is_open)
SELECT household_id, difference_id, placement_id, year, true
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::smallint[]) AS spanned (household_id, difference_id, placement_id, year);

-- name: drop_difference_placements
-- An open difference that now spans other placements gets them anew.
DELETE FROM difference_placement
WHERE (household_id, difference_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]));

-- name: renew_differences
-- The same difference, judged anew from other facts: its number stays, its version rises. What was postponed is open again then, unless
-- the facts are the same and only what they mean in euros, or may be taken over by now, is not.
UPDATE difference
SET state = CASE WHEN difference.facts_hash = found.facts_hash THEN difference.state ELSE 'open' END, version = found.version,
    shown_since = found.version, kind = found.kind, facts_hash = found.facts_hash, content_hash = found.content_hash,
    proposal = found.proposal::jsonb, route = found.route, explanation = found.explanation::jsonb, effect = found.effect::jsonb,
    rules_version = found.rules_version, judged_at = found.judged_at, facts_at = found.facts_at, weight_cents = found.weight_cents,
    is_worth_telling = found.is_worth_telling, texts = found.texts::jsonb, text_version = found.text_version
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::smallint[], $6::text[], $7::bytea[], $8::bytea[], $9::text[],
    $10::text[], $11::text[], $12::text[], $13::text[], $14::timestamptz[], $15::timestamptz[], $16::bigint[], $17::boolean[],
    $18::text[], $19::text[])
    AS found (household_id, difference_id, version, child_id, year, kind, facts_hash, content_hash, proposal, route,
    explanation, effect, rules_version, judged_at, facts_at, weight_cents, is_worth_telling, texts, text_version)
WHERE difference.household_id = found.household_id AND difference.difference_id = found.difference_id;

-- name: set_difference_state
-- What is postponed, or no more, shows what it showed before. What opens again after it was answered is shown anew.
UPDATE difference
SET state = $3, version = $4, shown_since = CASE WHEN state IN ('open', 'postponed') THEN shown_since ELSE $4 END,
    closed_at = CASE WHEN $3 NOT IN ('open', 'postponed') THEN statement_timestamp() END
WHERE household_id = $1 AND difference_id = $2;

-- name: set_difference_placements_open
UPDATE difference_placement
SET is_open = $3
WHERE household_id = $1 AND difference_id = $2;

-- name: shown_given_names
-- Under which names differences of these households show their children.
SELECT DISTINCT ON (membership.household_id, membership.person_id) membership.household_id, membership.person_id AS child_id,
    membership.given_name
FROM membership
WHERE membership.household_id = ANY ($1::uuid[]) AND membership.role = 'child'
    AND EXISTS (
        SELECT FROM difference
        WHERE difference.household_id = membership.household_id AND difference.child_id = membership.person_id
    )
ORDER BY membership.household_id, membership.person_id, membership.superseded_at DESC NULLS FIRST, membership.from_month DESC;

-- name: touch_differences_of_children
-- A document changes only with its version, also when it is a name in it that changed.
UPDATE difference
SET version = household.version + 1, shown_since = household.version + 1
FROM household, unnest($1::uuid[], $2::uuid[]) AS renamed (household_id, child_id)
WHERE difference.household_id = renamed.household_id AND difference.child_id = renamed.child_id
    AND household.household_id = renamed.household_id
RETURNING difference.household_id, difference.difference_id;

-- name: keep_difference_versions
-- What is shown from here on, so that an answer can name exactly what the parent saw.
INSERT INTO difference_version (household_id, difference_id, version, kind, state, proposal, route, explanation, effect,
    rules_version, judged_at, facts_at, texts, text_version)
SELECT household_id, difference_id, version, kind, state, proposal, route, explanation, effect, rules_version, judged_at, facts_at,
    texts, text_version
FROM difference
WHERE (household_id, difference_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]));

-- name: is_accepted_by
-- Whether the acceptance behind a change is what answers a difference at this moment.
SELECT difference.state = 'accepted' AND $3 = (
    SELECT newest.change_id
    FROM answer AS newest
    WHERE newest.household_id = difference.household_id AND newest.difference_id = difference.difference_id AND newest.kind = 'acceptance'
    ORDER BY newest.difference_version DESC
    LIMIT 1
)
FROM difference
WHERE difference.household_id = $1 AND difference.difference_id = $2;

-- name: is_open_since
-- Whether a difference is open and says what it said at a version.
SELECT difference.state = 'open' AND difference.version = $3
FROM difference
WHERE difference.household_id = $1 AND difference.difference_id = $2;

-- name: is_year_awarded
SELECT true
FROM difference
JOIN awarded_year AS awarded ON awarded.household_id = difference.household_id AND awarded.year = difference.year
WHERE difference.household_id = $1 AND difference.difference_id = $2 AND awarded.superseded_at IS NULL;

-- name: other_open_difference
-- Whether another difference is open on a placement of this one.
SELECT true
FROM difference_placement AS own
JOIN difference_placement AS other USING (household_id, placement_id, year)
WHERE own.household_id = $1 AND own.difference_id = $2 AND other.difference_id <> $2 AND other.is_open
LIMIT 1;

-- name: differences_of_household
-- Newest first; $2 limits to one state, $3 to one difference.
SELECT difference_id, version, state, kind, year, child_id, child_given_name, proposal, route, explanation, effect, rules_version,
    judged_at, opened_at, closed_at, change_id, texts, text_version
FROM shown_difference
WHERE household_id = $1 AND ($2::text IS NULL OR state = $2) AND ($3::uuid IS NULL OR difference_id = $3)
ORDER BY opened_at DESC, difference_id;

-- name: shown_version
SELECT shown.version, shown.kind, difference.year, difference.child_id, shown.proposal, shown.route, shown.explanation, shown.effect,
    shown.rules_version, shown.judged_at, shown.texts, shown.text_version
FROM difference_version AS shown
JOIN difference USING (household_id, difference_id)
WHERE shown.household_id = $1 AND shown.difference_id = $2 AND shown.version = $3;
