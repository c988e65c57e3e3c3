-- Marking every household's child-years to be judged anew, page by page: after a rule book was activated, and when a month begins.

-- name: insert_month
-- Only a month that is later than all that were marked: clocks of workers may differ by some seconds.
INSERT INTO marking (month)
SELECT $1::date
WHERE NOT EXISTS (SELECT FROM marking WHERE month >= $1::date)
ON CONFLICT (month) DO NOTHING;

-- name: lock_marking
-- The oldest that did not come to its end yet.
SELECT number, marked_until
FROM marking
WHERE done_at IS NULL
ORDER BY number
LIMIT 1
FOR UPDATE SKIP LOCKED;

-- name: is_marking
SELECT EXISTS (SELECT FROM marking WHERE done_at IS NULL);

-- name: record_marked
UPDATE marking
SET marked_until = $2, done_at = CASE WHEN $3::boolean THEN statement_timestamp() END
WHERE number = $1;
