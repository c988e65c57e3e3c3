-- Idempotency keys of parents and managers: claim, replay, keep.

-- name: claim_key
-- A twin that runs at the same moment waits here for the first to commit (lock_timeout bounds the wait).
INSERT INTO idempotency_key (actor, key, fingerprint)
VALUES ($1, $2, $3)
ON CONFLICT (actor, key) DO NOTHING
RETURNING key;

-- name: kept_answer
SELECT fingerprint, status, headers, body
FROM idempotency_key
WHERE actor = $1 AND key = $2;

-- name: keep_answer
UPDATE idempotency_key
SET status = $3, headers = $4::text::jsonb, body = $5
WHERE actor = $1 AND key = $2;

-- name: drop_old_keys
-- Thirty days are over; the acceptance itself still answers for the version that it accepted.
DELETE FROM idempotency_key WHERE recorded_at < now() - interval '30 days';
