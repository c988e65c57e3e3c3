-- What a household's phones follow. Each page is one statement: whether who asks is a parent of the household in this month, where
-- the household is, and the documents after a checkpoint in the order of (version, number). One row without a document stands for
-- an empty page; no row at all says that who asks is no parent of it. A document is JSON as it is sent, in the forms of
-- api/sync_documents.py, which tests hold beside it; of what is gone it is not sent.

-- name: standing
SELECT membership.from_month, household.version AS household_version
FROM household
JOIN membership ON membership.household_id = household.household_id
WHERE household.household_id = $1 AND membership.person_id = $2
    AND membership.role IN ('applicant', 'partner') AND membership.superseded_at IS NULL
    AND membership.from_month <= $3 AND (membership.until_month IS NULL OR membership.until_month >= $3);

-- name: checksums
-- The same rows as the pages have, without those that are gone. One line for each document, in the order of their numbers.
SELECT household.version AS household_version, membership.from_month, held.collection, count(held.document_id) AS document_count,
    encode(
        sha256(
            convert_to(coalesce(string_agg(held.document_id || ' ' || held.version || E'\n', '' ORDER BY held.document_id), ''), 'UTF8')
        ),
        'hex'
    ) AS sha256
FROM household
JOIN membership ON membership.household_id = household.household_id
CROSS JOIN LATERAL (
    SELECT collection.name AS collection, document.document_id, document.version
    FROM unnest(ARRAY['answers', 'changes', 'differences', 'notices', 'placements']) AS collection (name)
    LEFT JOIN (
        SELECT 'placements' AS collection, placement_id AS document_id, version
        FROM placement
        WHERE household_id = $1 AND NOT deleted
        UNION ALL
        SELECT 'differences', difference_id, version
        FROM shown_difference
        WHERE household_id = $1 AND NOT deleted
        UNION ALL
        SELECT 'changes', change_id, version
        FROM change
        WHERE household_id = $1 AND NOT deleted
        UNION ALL
        SELECT 'answers', answer_id, version
        FROM shown_answer
        WHERE household_id = $1 AND NOT deleted
        UNION ALL
        SELECT 'notices', notice_id, version
        FROM notice
        WHERE household_id = $1 AND NOT deleted
    ) AS document ON document.collection = collection.name
) AS held
WHERE household.household_id = $1 AND membership.person_id = $2
    AND membership.role IN ('applicant', 'partner') AND membership.superseded_at IS NULL
    AND membership.from_month <= $3 AND (membership.until_month IS NULL OR membership.until_month >= $3)
GROUP BY household.version, membership.from_month, held.collection
ORDER BY held.collection;

-- name: placements_after
SELECT household.version AS household_version, standing.from_month AS standing_from_month, page.*
FROM household
JOIN membership AS standing ON standing.household_id = household.household_id
LEFT JOIN LATERAL (
    SELECT placement.version, placement.placement_id AS document_id, placement.deleted, (
        SELECT row_to_json(document)
        FROM (
            SELECT placement.placement_id AS "placementId", placement.version,
                (
                    SELECT row_to_json(document)
                    FROM (
                        SELECT placement.child_id AS "childId", (
                            SELECT membership.given_name
                            FROM membership
                            WHERE membership.household_id = placement.household_id AND membership.person_id = placement.child_id
                            ORDER BY membership.superseded_at DESC NULLS FIRST, membership.from_month DESC
                            LIMIT 1
                        ) AS "givenName"
                    ) AS document
                ) AS "child",
                (
                    SELECT row_to_json(document)
                    FROM (
                        SELECT placement.lrk_number AS "lrkNumber", location.care_type AS "careType", location.name
                    ) AS document
                ) AS "location",
                stated.start_on AS "startDate", stated.end_on AS "endDate",
                (
                    SELECT coalesce(json_agg(document), '[]')
                    FROM (
                        SELECT to_char(segment.from_month, 'YYYY-MM') AS "from", to_char(segment.until_month, 'YYYY-MM') AS "until",
                            decimal_text(segment.hours_hundredths) AS "hours", decimal_text(segment.hourly_rate_cents) AS "hourlyRate"
                        FROM declared_segment AS segment
                        WHERE segment.household_id = placement.household_id AND segment.placement_id = placement.placement_id
                            AND segment.superseded_at IS NULL
                        ORDER BY segment.from_month
                    ) AS document
                ) AS "declared",
                (
                    SELECT coalesce(json_agg(document), '[]')
                    FROM (
                        SELECT to_char(segment.from_month, 'YYYY-MM') AS "from", to_char(segment.until_month, 'YYYY-MM') AS "until",
                            decimal_text(segment.hours_hundredths) AS "hours", decimal_text(segment.hourly_rate_cents) AS "hourlyRate"
                        FROM overlay_segment AS segment
                        WHERE segment.household_id = placement.household_id AND segment.placement_id = placement.placement_id
                            AND segment.superseded_at IS NULL AND segment.hours_hundredths IS NOT NULL
                        ORDER BY segment.from_month
                    ) AS document
                ) AS "accepted",
                (
                    SELECT coalesce(json_agg(document), '[]')
                    FROM (
                        SELECT to_char(segment.from_month, 'YYYY-MM') AS "from", to_char(segment.until_month, 'YYYY-MM') AS "until"
                        FROM overlay_segment AS segment
                        WHERE segment.household_id = placement.household_id AND segment.placement_id = placement.placement_id
                            AND segment.superseded_at IS NULL AND segment.hours_hundredths IS NULL
                        ORDER BY segment.from_month
                    ) AS document
                ) AS "undeclared",
                (
                    SELECT coalesce(json_agg(document), '[]')
                    FROM (
                        SELECT to_char(reported.month, 'YYYY-MM') AS "month", decimal_text(reported.hours_hundredths) AS "hours",
                            decimal_text(reported.hourly_rate_cents) AS "hourlyRate", organisation.name AS "organisationName",
                            instant_text(reported.received_at) AS "receivedAt", reported.end_on AS "endDate"
                        FROM reported_hours AS reported
                        JOIN organisation USING (organisation_id)
                        WHERE reported.household_id = placement.household_id AND reported.placement_id = placement.placement_id
                            AND reported.superseded_at IS NULL
                        ORDER BY reported.month
                    ) AS document
                ) AS "reportedMonths",
                false AS "_deleted"
        ) AS document
    ) AS document
    FROM placement
    JOIN location USING (lrk_number)
    LEFT JOIN declared_placement AS stated
        ON stated.household_id = placement.household_id AND stated.placement_id = placement.placement_id
        AND stated.superseded_at IS NULL
    WHERE placement.household_id = household.household_id AND (placement.version, placement.placement_id) > ($4, $5)
    ORDER BY placement.version, placement.placement_id
    LIMIT $6
) AS page ON true
WHERE household.household_id = $1 AND standing.person_id = $2
    AND standing.role IN ('applicant', 'partner') AND standing.superseded_at IS NULL
    AND standing.from_month <= $3 AND (standing.until_month IS NULL OR standing.until_month >= $3);

-- name: differences_after
-- As at /v1/differences (DifferenceDocument in api/differences.py).
SELECT household.version AS household_version, standing.from_month AS standing_from_month, page.*
FROM household
JOIN membership AS standing ON standing.household_id = household.household_id
LEFT JOIN LATERAL (
    SELECT shown.version, shown.difference_id AS document_id, shown.deleted, (
        SELECT row_to_json(document)
        FROM (
            SELECT shown.difference_id AS "differenceId", shown.version, shown.state, shown.kind, shown.year,
                shown.child_id AS "childId", shown.child_given_name AS "childGivenName",
                shown.proposal, shown.route, shown.explanation, shown.effect, shown.rules_version AS "rulesVersion",
                instant_text(shown.judged_at) AS "judgedAt", instant_text(shown.opened_at) AS "openedAt",
                instant_text(shown.closed_at) AS "closedAt", shown.change_id AS "changeId", shown.texts,
                shown.text_version AS "textVersion", false AS "_deleted"
        ) AS document
    ) AS document
    FROM shown_difference AS shown
    WHERE shown.household_id = household.household_id AND (shown.version, shown.difference_id) > ($4, $5)
    ORDER BY shown.version, shown.difference_id
    LIMIT $6
) AS page ON true
WHERE household.household_id = $1 AND standing.person_id = $2
    AND standing.role IN ('applicant', 'partner') AND standing.superseded_at IS NULL
    AND standing.from_month <= $3 AND (standing.until_month IS NULL OR standing.until_month >= $3);

-- name: changes_after
SELECT household.version AS household_version, standing.from_month AS standing_from_month, page.*
FROM household
JOIN membership AS standing ON standing.household_id = household.household_id
LEFT JOIN LATERAL (
    SELECT change.version, change.change_id AS document_id, change.deleted, (
        SELECT row_to_json(document)
        FROM (
            SELECT change.change_id AS "changeId", change.version, answer.kind, answer.undone_change_id AS "undoneChangeId",
                answer.difference_id AS "differenceId",
                answer.difference_version AS "differenceVersion", change.state, change.placements,
                instant_text(answer.answered_at) AS "answeredAt", instant_text(change.sent_at) AS "sentAt",
                instant_text(change.settled_at) AS "settledAt", change.reason, change.declaration_version AS "declarationVersion",
                false AS "_deleted"
        ) AS document
    ) AS document
    FROM change
    JOIN answer ON answer.household_id = change.household_id AND answer.change_id = change.change_id
    WHERE change.household_id = household.household_id AND (change.version, change.change_id) > ($4, $5)
    ORDER BY change.version, change.change_id
    LIMIT $6
) AS page ON true
WHERE household.household_id = $1 AND standing.person_id = $2
    AND standing.role IN ('applicant', 'partner') AND standing.superseded_at IS NULL
    AND standing.from_month <= $3 AND (standing.until_month IS NULL OR standing.until_month >= $3);

-- name: notices_after
SELECT household.version AS household_version, standing.from_month AS standing_from_month, page.*
FROM household
JOIN membership AS standing ON standing.household_id = household.household_id
LEFT JOIN LATERAL (
    SELECT notice.version, notice.notice_id AS document_id, notice.deleted, (
        SELECT row_to_json(document)
        FROM (
            SELECT notice.notice_id AS "noticeId", notice.version, notice.difference_id AS "differenceId",
                notice.difference_version AS "differenceVersion", notice.sentence, instant_text(notice.recorded_at) AS "recordedAt",
                false AS "_deleted"
        ) AS document
    ) AS document
    FROM notice
    WHERE notice.household_id = household.household_id AND (notice.version, notice.notice_id) > ($4, $5)
    ORDER BY notice.version, notice.notice_id
    LIMIT $6
) AS page ON true
WHERE household.household_id = $1 AND standing.person_id = $2
    AND standing.role IN ('applicant', 'partner') AND standing.superseded_at IS NULL
    AND standing.from_month <= $3 AND (standing.until_month IS NULL OR standing.until_month >= $3);

-- name: answers_after
SELECT household.version AS household_version, standing.from_month AS standing_from_month, page.*
FROM household
JOIN membership AS standing ON standing.household_id = household.household_id
LEFT JOIN LATERAL (
    SELECT shown.version, shown.answer_id AS document_id, shown.deleted, (
        SELECT row_to_json(document)
        FROM (
            SELECT shown.answer_id AS "answerId", shown.version, shown.kind, shown.difference_id AS "differenceId",
                shown.difference_version AS "differenceVersion", shown.undone_change_id AS "undoneChangeId", shown.reason, shown.note,
                shown.pass_on AS "passOn", shown.until_on AS "until", shown.state, shown.answered_by AS "answeredBy",
                instant_text(shown.answered_at) AS "answeredAt", shown.change_id AS "changeId",
                instant_text(shown.ended_at) AS "endedAt", shown.problem, shown.detail, false AS "_deleted"
        ) AS document
    ) AS document
    FROM shown_answer AS shown
    WHERE shown.household_id = household.household_id AND (shown.version, shown.answer_id) > ($4, $5)
    ORDER BY shown.version, shown.answer_id
    LIMIT $6
) AS page ON true
WHERE household.household_id = $1 AND standing.person_id = $2
    AND standing.role IN ('applicant', 'partner') AND standing.superseded_at IS NULL
    AND standing.from_month <= $3 AND (standing.until_month IS NULL OR standing.until_month >= $3);
