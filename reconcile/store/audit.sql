-- The audit chains, read for proof.

-- name: broken_links
-- Rows that do not follow from the row before; heads whose row is gone or another; rows beyond the head, or of a chain without one.
SELECT link.chain, link.chain_id, link.number
FROM (
    SELECT audit_row.*, lag(hash, 1, '\x') OVER chain AS expected_previous, lag(number, 1, 0::bigint) OVER chain + 1 AS expected_number
    FROM audit_row
    WINDOW chain AS (PARTITION BY audit_row.chain, audit_row.chain_id ORDER BY audit_row.number)
) AS link
WHERE link.previous_hash <> link.expected_previous OR link.number <> link.expected_number
    OR link.hash <> audit_link(link.previous_hash, link.number, link.recorded_at, link.event)
UNION ALL
SELECT chain, chain_id, number
FROM (
    SELECT coalesce(head.chain, link.chain) AS chain, coalesce(head.chain_id, link.chain_id) AS chain_id,
        greatest(head.number, link.number) AS number, head.number IS NOT DISTINCT FROM link.number AND head.hash = link.hash AS ends_alike
    FROM audit_head AS head
    FULL JOIN (
        SELECT DISTINCT ON (chain, chain_id) chain, chain_id, number, hash
        FROM audit_row
        ORDER BY chain, chain_id, number DESC
    ) AS link ON link.chain = head.chain AND link.chain_id = head.chain_id
) AS ends
WHERE ends_alike IS NOT TRUE
ORDER BY 1, 2, 3
LIMIT $1;
