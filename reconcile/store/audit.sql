-- The audit chains, read for proof: link by link, end by end, and against an anchor that was kept elsewhere.

-- name: chain_sizes
-- How many links there should be, by kind of chain, as the holders of the chains know it.
SELECT chain, count(*) AS chains, coalesce(sum(number), 0)::bigint AS links
FROM audit_head
GROUP BY chain
ORDER BY chain;

-- name: link_page
-- The next $5 links of a kind of chain after ($2, $3), whose hash is $4: those that do not follow from the one before or from what they
-- say, or that their holder does not know; and the last of the page in any case, by which the next one begins. An empty hash is before all.
WITH page AS (
    SELECT chain_id, number, recorded_at, event, previous_hash, hash
    FROM audit_row
    WHERE chain = $1 AND (chain_id, number) > ($2, $3)
    ORDER BY chain_id, number
    LIMIT $5
), linked AS (
    SELECT page.*,
        lag(number, 1, CASE WHEN chain_id = $2 AND $4 <> '\x'::bytea THEN $3 ELSE 0::bigint END) OVER chain + 1 AS expected_number,
        lag(hash, 1, CASE WHEN chain_id = $2 THEN $4 ELSE '\x'::bytea END) OVER chain AS expected_previous,
        row_number() OVER (ORDER BY chain_id, number) AS place, count(*) OVER () AS links
    FROM page
    WINDOW chain AS (PARTITION BY chain_id ORDER BY number)
), judged AS (
    SELECT linked.chain_id, linked.number, linked.hash, linked.place, linked.links, CASE
        WHEN linked.number <> linked.expected_number THEN 'gap'
        WHEN linked.previous_hash <> linked.expected_previous THEN 'unchained'
        WHEN linked.hash <> audit_link(linked.previous_hash, linked.number, linked.recorded_at, linked.event) THEN 'altered'
        WHEN head.number IS NULL OR linked.number > head.number THEN 'beyond-end'
    END AS reason
    FROM linked
    -- By key, link by link: joined at once, every page would read the ends of all chains.
    LEFT JOIN LATERAL (
        SELECT audit_head.number
        FROM audit_head
        WHERE audit_head.chain = $1 AND audit_head.chain_id = linked.chain_id
        OFFSET 0
    ) AS head ON true
)
SELECT chain_id, number, hash, links, reason
FROM judged
WHERE reason IS NOT NULL OR place = links
ORDER BY place;

-- name: end_page
-- The ends of the next $3 chains after $2, as their holders know them: those that the newest link does not agree with, and the last.
WITH page AS (
    SELECT chain_id, number, hash
    FROM audit_head
    WHERE chain = $1 AND ($2::uuid IS NULL OR chain_id > $2)
    ORDER BY chain_id
    LIMIT $3
), judged AS (
    SELECT page.chain_id, page.number, row_number() OVER (ORDER BY page.chain_id) AS place, count(*) OVER () AS chains, CASE
        WHEN page.number > coalesce(newest.number, 0) THEN 'end-missing'
        WHEN newest.number = page.number AND newest.hash <> page.hash THEN 'end-differs'
    END AS reason
    FROM page
    LEFT JOIN LATERAL (
        SELECT link.number, link.hash
        FROM audit_row AS link
        WHERE link.chain = $1 AND link.chain_id = page.chain_id
        ORDER BY link.number DESC
        LIMIT 1
    ) AS newest ON true
)
SELECT chain_id, number, reason
FROM judged
WHERE reason IS NOT NULL OR place = chains
ORDER BY place;

-- name: head_page
-- The ends of the next $3 chains after $2, to be kept elsewhere.
SELECT chain_id, number, hash
FROM audit_head
WHERE chain = $1 AND number > 0 AND ($2::uuid IS NULL OR chain_id > $2)
ORDER BY chain_id
LIMIT $3;

-- name: lost_anchors
-- Links of a kind of chain that were there when the anchor was taken: those that are gone, or are others now.
SELECT named.chain_id, named.number, CASE WHEN link.hash IS NULL THEN 'anchor-missing' ELSE 'anchor-differs' END AS reason
FROM unnest($2::uuid[], $3::bigint[], $4::bytea[]) AS named (chain_id, number, hash)
LEFT JOIN LATERAL (
    SELECT audit_row.hash
    FROM audit_row
    WHERE audit_row.chain = $1 AND audit_row.chain_id = named.chain_id AND audit_row.number = named.number
) AS link ON true
WHERE link.hash IS DISTINCT FROM named.hash
ORDER BY named.chain_id;
