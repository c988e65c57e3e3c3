-- Deliveries that were refused at the door, without their content.

-- name: insert_attempt
INSERT INTO delivery_attempt (organisation_id, sender_oin, reference, status, problem, byte_count)
VALUES ($1, $2, $3, $4, $5, $6);

-- name: drop_attempts_beyond
DELETE FROM delivery_attempt
WHERE organisation_id = $1 AND attempt_id IN (
    SELECT attempt_id
    FROM delivery_attempt
    WHERE organisation_id = $1 AND sender_oin = $2
    ORDER BY attempted_at DESC, attempt_id DESC
    OFFSET $3
);

-- name: drop_old_attempts
DELETE FROM delivery_attempt WHERE attempted_at < now() - interval '30 days';

-- name: attempts_of_organisation
SELECT attempt_id, sender_oin, reference, attempted_at, status, problem, byte_count
FROM delivery_attempt
WHERE organisation_id = $1
ORDER BY attempted_at DESC, attempt_id DESC;
