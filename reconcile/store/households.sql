-- The household: its lock, its counter, its chained audit, and the facts that a declaration states.

-- name: lock_matching_shared
-- Deliveries decide to which household a line belongs; while one does, no declaration may change who belongs where.
SELECT pg_advisory_xact_lock_shared(hashtext('kot.matching'));

-- name: lock_matching
-- A declaration may change who belongs where: it waits for deliveries that are deciding, a batch of some milliseconds.
SELECT pg_advisory_xact_lock(hashtext('kot.matching'));

-- name: insert_households
INSERT INTO household (household_ref)
SELECT household_ref
FROM unnest($1::text[]) AS new (household_ref)
ORDER BY household_ref
ON CONFLICT (household_ref) DO NOTHING;

-- name: lock_households_by_ref
-- Locked in ascending order, as every writer of several households does.
SELECT household_id, household_ref, version, declaration_version
FROM household
WHERE household_ref = ANY ($1::text[])
ORDER BY household_id
FOR UPDATE;

-- name: lock_households
SELECT household_id
FROM household
WHERE household_id = ANY ($1::uuid[])
ORDER BY household_id
FOR UPDATE;

-- name: lock_household
SELECT version
FROM household
WHERE household_id = $1
FOR UPDATE;

-- name: household_page
SELECT household_id
FROM household
WHERE $1::uuid IS NULL OR household_id > $1
ORDER BY household_id
LIMIT $2;

-- name: households_sharing_children
-- Other households in which a child of these lives, or lived by what is known: their reports may come or go as well.
SELECT DISTINCT other.household_id
FROM membership AS own
CROSS JOIN LATERAL (
    SELECT shared.household_id
    FROM membership AS shared
    WHERE shared.person_id = own.person_id AND shared.household_id <> own.household_id
        AND shared.role = 'child' AND shared.superseded_at IS NULL
    OFFSET 0
) AS other
WHERE own.household_id = ANY ($1::uuid[]) AND own.role = 'child'
ORDER BY other.household_id;

-- name: record_declarations
WITH recorded AS (
    INSERT INTO declaration (household_id, declaration_version)
    SELECT household_id, declaration_version FROM unnest($1::uuid[], $2::bigint[]) AS stated (household_id, declaration_version)
    RETURNING household_id, declaration_version, recorded_at
)
UPDATE household
SET declaration_version = stated.declaration_version, deleted = stated.deleted, declared_at = recorded.recorded_at
FROM recorded
JOIN unnest($1::uuid[], $2::bigint[], $3::boolean[]) AS stated (household_id, declaration_version, deleted)
    USING (household_id, declaration_version)
WHERE household.household_id = stated.household_id;

-- name: record_changes
-- The end of every writing transaction: one link of the audit chain and, unless it was only read, one step of the counter.
WITH acted AS (
    SELECT household.household_id, household.audit_number + 1 AS number, household.audit_hash AS previous_hash,
        statement_timestamp() AS recorded_at, touched.event::jsonb AS event
    FROM unnest($1::uuid[], $2::text[]) AS touched (household_id, event)
    JOIN household USING (household_id)
), audited AS (
    INSERT INTO household_audit (household_id, number, recorded_at, event, previous_hash, hash)
    SELECT household_id, number, recorded_at, event, previous_hash, audit_link(previous_hash, number, recorded_at, event)
    FROM acted
    RETURNING household_id, number, hash
)
UPDATE household
SET version = household.version + $3, audit_number = audited.number, audit_hash = audited.hash
FROM audited
WHERE household.household_id = audited.household_id;

-- name: supersede_memberships
-- What the declaration no longer states in the same words.
UPDATE membership
SET superseded_at = statement_timestamp()
WHERE household_id = ANY ($1::uuid[]) AND superseded_at IS NULL
    AND NOT EXISTS (
        SELECT FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::date[], $8::date[], $9::date[])
            AS stated (household_id, person_id, person_ref, role, given_name, birth_date, from_month, until_month)
        WHERE stated.household_id = membership.household_id AND stated.person_id = membership.person_id
            AND stated.person_ref = membership.person_ref AND stated.role = membership.role
            AND stated.given_name = membership.given_name
            AND stated.birth_date IS NOT DISTINCT FROM membership.birth_date
            AND stated.from_month = membership.from_month
            AND stated.until_month IS NOT DISTINCT FROM membership.until_month
    );

-- name: insert_memberships
INSERT INTO membership (household_id, person_id, person_ref, role, given_name, birth_date, from_month, until_month)
SELECT household_id, person_id, person_ref, role, given_name, birth_date, from_month, until_month
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::date[], $7::date[], $8::date[])
    AS stated (household_id, person_id, person_ref, role, given_name, birth_date, from_month, until_month)
WHERE NOT EXISTS (
    SELECT FROM membership
    WHERE membership.household_id = stated.household_id AND membership.person_id = stated.person_id
        AND membership.from_month = stated.from_month AND membership.superseded_at IS NULL
);

-- name: supersede_incomes
UPDATE income
SET superseded_at = statement_timestamp()
WHERE household_id = ANY ($1::uuid[]) AND superseded_at IS NULL
    AND (household_id, year, amount_euro) NOT IN (SELECT * FROM unnest($2::uuid[], $3::smallint[], $4::integer[]));

-- name: insert_incomes
INSERT INTO income (household_id, year, amount_euro)
SELECT household_id, year, amount_euro
FROM unnest($1::uuid[], $2::smallint[], $3::integer[]) AS stated (household_id, year, amount_euro)
WHERE NOT EXISTS (
    SELECT FROM income
    WHERE income.household_id = stated.household_id AND income.year = stated.year AND income.superseded_at IS NULL
);

-- name: supersede_awarded_years
UPDATE awarded_year
SET superseded_at = statement_timestamp()
WHERE household_id = ANY ($1::uuid[]) AND superseded_at IS NULL
    AND (household_id, year) NOT IN (SELECT * FROM unnest($2::uuid[], $3::smallint[]));

-- name: insert_awarded_years
INSERT INTO awarded_year (household_id, year)
SELECT household_id, year
FROM unnest($1::uuid[], $2::smallint[]) AS stated (household_id, year)
WHERE NOT EXISTS (
    SELECT FROM awarded_year AS known
    WHERE known.household_id = stated.household_id AND known.year = stated.year AND known.superseded_at IS NULL
);
