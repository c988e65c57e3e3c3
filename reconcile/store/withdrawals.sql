-- Withdrawals: asked by an organisation, carried out by a worker in batches under the lease of the delivery.

-- name: insert_withdrawal
INSERT INTO withdrawal (organisation_id, delivery_id, line_numbers, reason)
VALUES ($1, $2, $3, $4);

-- name: open_withdrawal
SELECT true FROM withdrawal WHERE organisation_id = $1 AND delivery_id = $2 AND finished_at IS NULL;

-- name: unknown_line_numbers
SELECT wanted.line_number
FROM unnest($3::integer[]) AS wanted (line_number)
WHERE NOT EXISTS (
    SELECT FROM line WHERE line.organisation_id = $1 AND line.delivery_id = $2 AND line.line_number = wanted.line_number
)
ORDER BY wanted.line_number
LIMIT 10;

-- name: cancel_received
-- What nobody began to read needs no undoing. Who claims it at this moment reads and applies it, and then it is undone; and of what
-- turned out to be unreadable there is nothing to undo.
WITH cancelled AS (
    UPDATE delivery
    SET state = 'withdrawn', finished_at = statement_timestamp(), receipt_counts = jsonb_build_object(
        'received', 0, 'applied', 0, 'unchanged', 0, 'superseded', 0, 'parked', 0, 'rejected', 0
    )
    FROM withdrawal
    WHERE withdrawal.finished_at IS NULL AND delivery.organisation_id = withdrawal.organisation_id
        AND delivery.delivery_id = withdrawal.delivery_id AND delivery.state = 'received'
    RETURNING delivery.organisation_id, delivery.delivery_id
), ended AS (
    SELECT organisation_id, delivery_id FROM cancelled
    UNION ALL
    SELECT withdrawal.organisation_id, withdrawal.delivery_id
    FROM withdrawal
    JOIN delivery USING (organisation_id, delivery_id)
    WHERE withdrawal.finished_at IS NULL AND delivery.state = 'unreadable'
), finished AS (
    UPDATE withdrawal
    SET finished_at = statement_timestamp()
    FROM ended
    WHERE withdrawal.organisation_id = ended.organisation_id AND withdrawal.delivery_id = ended.delivery_id
        AND withdrawal.finished_at IS NULL
)
SELECT organisation_id, delivery_id FROM cancelled ORDER BY organisation_id, delivery_id;

-- name: begin_withdrawals
-- From here on a withdrawal is work on its delivery, one after the other with everything else of the organisation.
UPDATE delivery
SET state = CASE WHEN withdrawal.line_numbers IS NULL THEN 'withdrawing' ELSE 'withdrawing-lines' END, due_at = now(), lease_until = NULL
FROM withdrawal
WHERE withdrawal.finished_at IS NULL AND delivery.organisation_id = withdrawal.organisation_id
    AND delivery.delivery_id = withdrawal.delivery_id AND delivery.state = 'applied';

-- name: lines_to_withdraw
-- The next lines that are still to be taken back: what was done is marked, so that a worker that dies is followed by another.
SELECT line.line_number
FROM withdrawal
JOIN line ON line.organisation_id = withdrawal.organisation_id AND line.delivery_id = withdrawal.delivery_id
WHERE withdrawal.organisation_id = $1 AND withdrawal.delivery_id = $2 AND withdrawal.finished_at IS NULL
    AND line.withdrawn_at IS NULL AND (withdrawal.line_numbers IS NULL OR line.line_number = ANY (withdrawal.line_numbers))
ORDER BY line.line_number
LIMIT $3;

-- name: withdraw_lines
UPDATE line
SET withdrawn_at = statement_timestamp(), superseded_at = coalesce(superseded_at, statement_timestamp())
WHERE organisation_id = $1 AND delivery_id = $2 AND line_number = ANY ($3::integer[]);

-- name: withdraw_completeness
-- What the delivery called complete is so no longer, unless an earlier one said it too: from now on that one says so again.
WITH gone AS (
    UPDATE completeness
    SET superseded_at = statement_timestamp()
    WHERE organisation_id = $1 AND delivery_id = $2 AND superseded_at IS NULL
    RETURNING lrk_number, month
), earlier AS (
    SELECT DISTINCT ON (stated.lrk_number, stated.month) stated.lrk_number, stated.month, stated.delivery_id
    FROM gone
    JOIN completeness AS stated ON stated.organisation_id = $1 AND stated.lrk_number = gone.lrk_number AND stated.month = gone.month
    JOIN delivery ON delivery.organisation_id = stated.organisation_id AND delivery.delivery_id = stated.delivery_id
    WHERE stated.delivery_id <> $2 AND delivery.state NOT IN ('withdrawing', 'withdrawn')
    ORDER BY stated.lrk_number, stated.month, delivery.sent_at DESC, delivery.received_at DESC, delivery.delivery_id DESC
)
INSERT INTO completeness (organisation_id, delivery_id, lrk_number, month)
SELECT $1, delivery_id, lrk_number, month FROM earlier;

-- name: finish_withdrawal
WITH finished AS (
    UPDATE withdrawal
    SET finished_at = statement_timestamp()
    WHERE organisation_id = $1 AND delivery_id = $2 AND finished_at IS NULL
)
UPDATE delivery
SET state = CASE state WHEN 'withdrawing' THEN 'withdrawn' ELSE 'applied' END, lease_until = NULL, last_error = NULL,
    withdrawn_count = (
        SELECT count(*) FROM line
        WHERE line.organisation_id = $1 AND line.delivery_id = $2 AND line.withdrawn_at IS NOT NULL
    )
WHERE organisation_id = $1 AND delivery_id = $2;
