-- Devices of a household, as the parent who uses them registers them.

-- name: register_device
-- Registering again, also by another parent of the household or after it was retired, is the newest word.
INSERT INTO device AS known (
    household_id, device_id, person_id, platform, token, token_sha256, locale, quiet_from, quiet_until, wanted_notices
)
VALUES ($1, $2, $3, $4, $5, sha256(convert_to($5, 'UTF8')), $6, $7, $8, $9)
ON CONFLICT (household_id, device_id) DO UPDATE
SET person_id = excluded.person_id, platform = excluded.platform, token = excluded.token, token_sha256 = excluded.token_sha256,
    locale = excluded.locale, quiet_from = excluded.quiet_from, quiet_until = excluded.quiet_until,
    wanted_notices = excluded.wanted_notices, registered_at = clock_timestamp(), retired_at = NULL, retired_for = NULL
RETURNING known.device_id, known.platform, known.locale, known.quiet_from, known.quiet_until, known.wanted_notices, known.registered_at;

-- name: move_waiting_pushes
-- What waits for the end of this device's quiet hours waits for the end of those that it has now, or no longer. What waits for another
-- reason, as for its own hour or because the push service did not answer, and what is under way, stays as it is.
UPDATE outbox
SET due_at = coalesce(quiet_until(now(), device.quiet_from, device.quiet_until), now())
FROM device
JOIN push ON push.household_id = device.household_id AND push.device_id = device.device_id
WHERE device.household_id = $1 AND device.device_id = $2
    AND outbox.household_id = push.household_id AND outbox.kind = 'push' AND outbox.subject_id = push.push_id
    AND outbox.state = 'open' AND outbox.last_error = 'quiet' AND (outbox.lease_until IS NULL OR outbox.lease_until < now());

-- name: devices_of_parent
SELECT device_id, platform, locale, quiet_from, quiet_until, wanted_notices, registered_at
FROM device
WHERE household_id = $1 AND person_id = $2 AND retired_at IS NULL
ORDER BY registered_at DESC, device_id;

-- name: remove_device
UPDATE device
SET token = NULL, retired_at = statement_timestamp(), retired_for = 'removed'
WHERE household_id = $1 AND device_id = $2 AND person_id = $3 AND retired_at IS NULL
RETURNING device_id;

-- name: retire_surplus_devices
-- All but the newest so many of a parent.
UPDATE device
SET token = NULL, retired_at = statement_timestamp(), retired_for = 'surplus'
WHERE household_id = $1 AND device_id IN (
    SELECT device_id
    FROM device
    WHERE household_id = $1 AND person_id = $2 AND retired_at IS NULL
    ORDER BY registered_at DESC
    OFFSET $3
);
