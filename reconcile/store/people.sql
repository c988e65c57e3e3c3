-- People by the blind index of their BSN, and the logins that name them.

-- name: unknown_indexes
-- Which of these indexes belong to nobody yet.
SELECT wanted.bsn_index
FROM unnest($1::bytea[]) AS wanted (bsn_index)
WHERE NOT EXISTS (SELECT FROM person WHERE person.bsn_index = wanted.bsn_index);

-- name: insert_people
-- In the order of the index, so that two writers never wait for each other crosswise.
INSERT INTO person (bsn_index, bsn_sealed)
SELECT bsn_index, bsn_sealed
FROM unnest($1::bytea[], $2::bytea[]) AS new (bsn_index, bsn_sealed)
ORDER BY bsn_index
ON CONFLICT (bsn_index) DO NOTHING;

-- name: people_by_index
SELECT bsn_index, person_id
FROM person
WHERE bsn_index = ANY ($1::bytea[]);

-- name: link_login
-- Row-level security shows only the person whose index the token proved.
INSERT INTO login (issuer, subject, person_id)
SELECT $1, $2, person_id
FROM person
WHERE bsn_index = $3
ON CONFLICT (issuer, subject) DO NOTHING;

-- name: households_of_login
-- Households in which the person of this login is applicant or partner in a month; the login is selected by the context.
SELECT membership.person_id, membership.household_id
FROM login
JOIN membership ON membership.person_id = login.person_id
WHERE login.issuer = $1 AND login.subject = $2
    AND membership.role IN ('applicant', 'partner') AND membership.superseded_at IS NULL
    AND membership.from_month <= $3 AND (membership.until_month IS NULL OR membership.until_month >= $3)
ORDER BY membership.household_id;

-- name: login_exists
SELECT true FROM login WHERE issuer = $1 AND subject = $2;
