-- Deliveries: landing, the lease under which a worker reads and applies them, and their end.

-- name: insert_delivery
INSERT INTO delivery (organisation_id, reference, format, charset, sent_at, sender_oin, complete, all_or_nothing)
VALUES ($1, $2, $3, $4, $5, $6, $7::text::jsonb, $8)
RETURNING delivery_id;

-- name: insert_chunk
INSERT INTO delivery_chunk (organisation_id, delivery_id, chunk_number, sealed)
VALUES ($1, $2, $3, $4);

-- name: lock_deliveries_of_organisation
-- Two landings of one organisation at once are decided one after the other.
SELECT pg_advisory_xact_lock(hashtext('kot.landing'), hashtext($1::uuid::text));

-- name: landed_delivery_by_reference
SELECT delivery_id, content_sha256
FROM delivery
WHERE organisation_id = $1 AND sender_oin = $2 AND reference = $3 AND state <> 'arriving';

-- name: landed_delivery_by_content
-- Under another type or character set the same bytes say something else, and what could not be read or was refused says nothing.
SELECT delivery_id
FROM delivery
WHERE organisation_id = $1 AND sender_oin = $2 AND content_sha256 = $3 AND format = $4 AND coalesce(charset, '') = coalesce($5::text, '')
    AND (all_or_nothing AND format = 'csv') = $6 AND is_refused IS NOT TRUE
    AND state NOT IN ('arriving', 'unreadable', 'withdrawing', 'withdrawn') AND duplicate_of IS NULL;

-- name: land_delivery
UPDATE delivery
SET state = 'received', received_at = statement_timestamp(), content_sha256 = $3, byte_count = $4
WHERE organisation_id = $1 AND delivery_id = $2 AND state = 'arriving';

-- name: land_duplicate
-- The same content under another reference: kept as a receipt that names the first, and nothing else happens. It is done; what
-- its sender sees is the state of the first.
UPDATE delivery
SET state = 'applied', received_at = statement_timestamp(), content_sha256 = $3, byte_count = $4, duplicate_of = $5
WHERE organisation_id = $1 AND delivery_id = $2 AND state = 'arriving';

-- name: drop_chunks
DELETE FROM delivery_chunk WHERE organisation_id = $1 AND delivery_id = $2;

-- name: drop_arriving
-- Its pieces go with it.
DELETE FROM delivery WHERE organisation_id = $1 AND delivery_id = $2 AND state = 'arriving';

-- name: drop_abandoned
-- A sender that went away in the middle never got a receipt: it sends again.
DELETE FROM delivery WHERE state = 'arriving' AND received_at < now() - interval '24 hours';

-- name: drop_read_chunks
-- The lines stand and the retention is over: hash and receipt stay, the file goes.
DELETE FROM delivery_chunk AS chunk
USING delivery
WHERE delivery.organisation_id = chunk.organisation_id AND delivery.delivery_id = chunk.delivery_id
    AND delivery.state IN ('applied', 'unreadable', 'withdrawn') AND delivery.finished_at < now() - interval '30 days';

-- name: delivery_by_id
-- What became of identical content stands with the first delivery of it.
SELECT delivery.delivery_id, delivery.sender_oin, delivery.reference, delivery.format, first.state, first.all_or_nothing, delivery.received_at, first.sent_at,
    delivery.content_sha256, delivery.byte_count, delivery.duplicate_of, first.problem, first.lines_read, first.lines_done,
    first.applied_count, first.unchanged_count, first.superseded_count, first.parked_count, first.rejected_count,
    first.withdrawn_count, first.finished_at, (
        SELECT withdrawal.reason
        FROM withdrawal
        WHERE withdrawal.organisation_id = first.organisation_id AND withdrawal.delivery_id = first.delivery_id
        ORDER BY withdrawal.recorded_at DESC
        LIMIT 1
    ) AS withdrawal_reason
FROM delivery
JOIN delivery AS first
    ON first.organisation_id = delivery.organisation_id AND first.delivery_id = coalesce(delivery.duplicate_of, delivery.delivery_id)
WHERE delivery.organisation_id = $1 AND delivery.delivery_id = $2 AND delivery.state <> 'arriving';

-- name: receipt_facts
-- What a receipt says, as it was when the delivery was done; of identical content that names the first delivery and no more.
SELECT delivery.delivery_id, organisation.oin AS organisation_oin, delivery.sender_oin, delivery.reference, delivery.format,
    delivery.received_at, delivery.sent_at AS created_at, delivery.finished_at, delivery.content_sha256, delivery.byte_count,
    delivery.duplicate_of, delivery.problem ->> 'code' AS problem_code, (delivery.problem ->> 'line')::integer AS problem_line,
    delivery.receipt_counts AS counts
FROM delivery
JOIN organisation USING (organisation_id)
WHERE delivery.organisation_id = $1 AND delivery.delivery_id = $2
    AND (delivery.receipt_counts IS NOT NULL OR delivery.problem IS NOT NULL OR delivery.duplicate_of IS NOT NULL);

-- name: deliveries_of_organisation
-- Newest first; $2 and $3 are the last row of the page before.
SELECT delivery.delivery_id, delivery.sender_oin, delivery.reference, delivery.format, first.state, first.all_or_nothing, delivery.received_at, first.sent_at,
    delivery.content_sha256, delivery.byte_count, delivery.duplicate_of, first.problem, first.lines_read, first.lines_done,
    first.applied_count, first.unchanged_count, first.superseded_count, first.parked_count, first.rejected_count,
    first.withdrawn_count, first.finished_at, (
        SELECT withdrawal.reason
        FROM withdrawal
        WHERE withdrawal.organisation_id = first.organisation_id AND withdrawal.delivery_id = first.delivery_id
        ORDER BY withdrawal.recorded_at DESC
        LIMIT 1
    ) AS withdrawal_reason
FROM delivery
JOIN delivery AS first
    ON first.organisation_id = delivery.organisation_id AND first.delivery_id = coalesce(delivery.duplicate_of, delivery.delivery_id)
WHERE delivery.organisation_id = $1 AND delivery.state <> 'arriving'
    AND ($2::timestamptz IS NULL OR (delivery.received_at, delivery.delivery_id) < ($2::timestamptz, $3::uuid))
ORDER BY delivery.received_at DESC, delivery.delivery_id DESC
LIMIT $4;

-- name: claim_delivery
-- One delivery of an organisation at a time, in the order of arrival; claimed by lease, so that no lock is held while reading it.
-- One that failed and waits for its next attempt lets the others go first: whether a line is newer does not depend on the order.
UPDATE delivery
SET attempts = attempts + 1, lease_until = now() + $1::interval, state = CASE state WHEN 'received' THEN 'reading' ELSE state END
WHERE (organisation_id, delivery_id) IN (
    SELECT ready.organisation_id, ready.delivery_id
    FROM delivery AS ready
    WHERE ready.state IN ('received', 'reading', 'applying', 'withdrawing', 'withdrawing-lines') AND ready.due_at <= now()
        AND (ready.lease_until IS NULL OR ready.lease_until < now())
        AND NOT EXISTS (
            SELECT FROM delivery AS other
            WHERE other.organisation_id = ready.organisation_id AND other.state IN ('received', 'reading', 'applying', 'withdrawing', 'withdrawing-lines')
                AND other.delivery_id <> ready.delivery_id
                AND (
                    other.lease_until >= now()
                    OR other.due_at <= now() AND (other.received_at, other.delivery_id) < (ready.received_at, ready.delivery_id)
                )
        )
    ORDER BY ready.due_at
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
RETURNING organisation_id, delivery_id, reference, format, charset, sent_at, complete, state,
    received_at, lines_read, lines_done, attempts, all_or_nothing, is_refused,
    (SELECT is_sandbox FROM organisation WHERE organisation.organisation_id = delivery.organisation_id) AS is_sandbox;

-- name: chunk
SELECT sealed FROM delivery_chunk WHERE organisation_id = $1 AND delivery_id = $2 AND chunk_number = $3;

-- name: extend_lease
-- The fence: nothing comes back when another worker has taken over. The row lock holds the other off until this batch is in.
-- What comes back is the place in the stage up to which lines have their outcome.
UPDATE delivery
SET lease_until = now() + $4::interval
WHERE organisation_id = $1 AND delivery_id = $2 AND attempts = $3
RETURNING coalesce(applied_until, -9223372036854775808);

-- name: begin_applying
UPDATE delivery
SET state = 'applying', sent_at = $4, complete = $5::text::jsonb, lines_read = $6, applied_until = NULL, all_or_nothing = $7, is_refused = $8
WHERE organisation_id = $1 AND delivery_id = $2 AND attempts = $3;

-- name: record_batch
UPDATE delivery
SET applied_until = $3, lines_done = lines_done + $4, applied_count = applied_count + $5, unchanged_count = unchanged_count + $6,
    superseded_count = superseded_count + $7, parked_count = parked_count + $8, rejected_count = rejected_count + $9
WHERE organisation_id = $1 AND delivery_id = $2;

-- name: finish_delivery
UPDATE delivery
SET state = 'applied', finished_at = statement_timestamp(), lease_until = NULL, last_error = NULL,
    receipt_counts = jsonb_build_object(
        'received', lines_read, 'applied', applied_count, 'unchanged', unchanged_count, 'superseded', superseded_count,
        'parked', parked_count, 'rejected', rejected_count
    )
WHERE organisation_id = $1 AND delivery_id = $2 AND attempts = $3;

-- name: complete_of_delivery
SELECT complete FROM delivery WHERE organisation_id = $1 AND delivery_id = $2;

-- name: supersede_completeness
-- The newest statement about a location and month stands.
UPDATE completeness
SET superseded_at = statement_timestamp()
FROM unnest($2::text[], $3::date[]) AS stated (lrk_number, month)
WHERE completeness.organisation_id = $1 AND completeness.lrk_number = stated.lrk_number
    AND completeness.month = stated.month AND completeness.superseded_at IS NULL;

-- name: insert_completeness
-- Only for locations that the organisation holds in that month; what it says about another's is not heard. And only where every
-- line could be taken: a line with a fault may be about the very child that seems to be missing.
WITH faulty AS MATERIALIZED (
    SELECT DISTINCT lrk_number, month
    FROM line
    WHERE organisation_id = $1 AND delivery_id = $2 AND outcome IN ('parked', 'rejected')
)
INSERT INTO completeness (organisation_id, delivery_id, lrk_number, month)
SELECT $1, $2, stated.lrk_number, stated.month
FROM unnest($3::text[], $4::date[]) AS stated (lrk_number, month)
WHERE EXISTS (
    SELECT FROM location_holding AS holding
    WHERE holding.lrk_number = stated.lrk_number AND holding.organisation_id = $1
        AND daterange(holding.from_on, holding.until_on, '[]') && daterange(stated.month, (stated.month + interval '1 month')::date)
) AND NOT EXISTS (
    SELECT FROM faulty
    WHERE coalesce(faulty.lrk_number, stated.lrk_number) = stated.lrk_number AND coalesce(faulty.month, stated.month) = stated.month
)
ON CONFLICT DO NOTHING;

-- name: mark_unreadable
UPDATE delivery
SET state = 'unreadable', problem = $4::text::jsonb, finished_at = statement_timestamp(), lease_until = NULL
WHERE organisation_id = $1 AND delivery_id = $2 AND attempts = $3;

-- name: postpone_delivery
UPDATE delivery
SET lease_until = NULL, last_error = $4, due_at = now() + least(interval '10 minutes', interval '2 seconds' * 2 ^ least(attempts, 10))
WHERE organisation_id = $1 AND delivery_id = $2 AND attempts = $3;

-- name: record_organisation_event
-- One link of the organisation's audit chain, and its head; callers hold the landing lock of the organisation.
WITH acted AS (
    SELECT coalesce(head.number, 0) + 1 AS number, coalesce(head.hash, '\x') AS previous_hash, statement_timestamp() AS recorded_at,
        $2::text::jsonb AS event
    FROM (SELECT) AS always
    LEFT JOIN organisation_audit_head AS head ON head.organisation_id = $1
), linked AS (
    SELECT number, previous_hash, recorded_at, event, audit_link(previous_hash, number, recorded_at, event) AS hash FROM acted
), audited AS (
    -- Nothing is returned: whoever adds a link may not read the chain.
    INSERT INTO organisation_audit (organisation_id, number, recorded_at, event, previous_hash, hash)
    SELECT $1, number, recorded_at, event, previous_hash, hash FROM linked
)
INSERT INTO organisation_audit_head (organisation_id, number, hash)
SELECT $1, number, hash FROM linked
ON CONFLICT (organisation_id) DO UPDATE SET number = excluded.number, hash = excluded.hash;
