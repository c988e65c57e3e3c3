-- Rule books: which one is active, the reports before a change, and the child-years that follow one.

-- name: active_activation
SELECT number, version, book_sha256, active_from, report_id, activated_by
FROM rule_activation
ORDER BY number DESC
LIMIT 1;

-- name: activation_at
SELECT number, version, book_sha256, active_from, report_id, activated_by
FROM rule_activation
WHERE active_from <= $1
ORDER BY number DESC
LIMIT 1;

-- name: activations
SELECT activation.number, activation.version, activation.book_sha256, activation.active_from, activation.report_id,
    activation.activated_by, approval.approved_by, marking.done_at AS marked_at
FROM rule_activation AS activation
LEFT JOIN rule_approval AS approval USING (report_id)
LEFT JOIN marking ON marking.activation_number = activation.number
ORDER BY activation.number DESC;

-- name: insert_rule_report
INSERT INTO rule_report (report_id, old_version, old_sha256, new_version, new_sha256, as_of, content, content_sha256)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: approve_rule_report
-- Once approved it stays as it was approved.
INSERT INTO rule_approval (report_id, content_sha256, approved_by)
SELECT report_id, content_sha256, $2
FROM rule_report
WHERE report_id = $1
ON CONFLICT (report_id) DO NOTHING
RETURNING content_sha256;

-- name: activate_book
WITH activated AS (
    INSERT INTO rule_activation (version, book_sha256, report_id, activated_by)
    VALUES ($1, $2, $3, $4)
    RETURNING number
)
INSERT INTO marking (activation_number)
SELECT number
FROM activated
RETURNING number;

-- name: count_households
SELECT count(*) FROM household;

-- name: missing_child_years
SELECT DISTINCT household_id, child_id, year
FROM missing_line
WHERE household_id = ANY ($1::uuid[]);

-- name: lock_rule_audit
-- Until this transaction ends nobody else adds a link.
SELECT pg_advisory_xact_lock(hashtext('kot.rules'));

-- name: record_rule_event
-- One link of the audit chain of rule books, and its head; the chain is locked.
WITH acted AS (
    SELECT coalesce(head.number, 0) + 1 AS number, coalesce(head.hash, '\x') AS previous_hash, statement_timestamp() AS recorded_at,
        $1::text::jsonb AS event
    FROM (SELECT) AS always
    LEFT JOIN rule_audit_head AS head ON head.is_only
), audited AS (
    INSERT INTO rule_audit (number, recorded_at, event, previous_hash, hash)
    SELECT number, recorded_at, event, previous_hash, audit_link(previous_hash, number, recorded_at, event)
    FROM acted
    RETURNING number, hash
)
INSERT INTO rule_audit_head (number, hash)
SELECT number, hash FROM audited
ON CONFLICT (is_only) DO UPDATE SET number = excluded.number, hash = excluded.hash;
