-- migrate:up
-- What phones follow of answers: those that stand or stood, and those that were refused, in one form (ADR 0033).
CREATE VIEW shown_answer WITH (security_invoker = true) AS
SELECT answer.household_id, answer.answer_id, answer.version, answer.deleted,
    answer.kind, answer.difference_id, answer.difference_version, answer.undone_change_id,
    answer.reason, answer.note, answer.is_passed_on AS pass_on, answer.until_on,
    CASE WHEN answer.ended_at IS NULL THEN 'given' ELSE 'ended' END AS state,
    (
        SELECT membership.role
        FROM membership
        WHERE membership.household_id = answer.household_id AND membership.person_id = answer.person_id
        ORDER BY membership.superseded_at DESC NULLS FIRST, membership.from_month DESC
        LIMIT 1
    ) AS answered_by,
    answer.answered_at, answer.change_id, answer.ended_at, NULL::text AS problem, NULL::text AS detail
FROM answer
UNION ALL
SELECT refused.household_id, refused.answer_id, refused.version, refused.deleted,
    refused.sent ->> 'kind', (refused.sent ->> 'differenceId')::uuid, (refused.sent ->> 'differenceVersion')::bigint,
    (refused.sent ->> 'undoneChangeId')::uuid,
    refused.sent ->> 'reason', refused.sent ->> 'note', (refused.sent ->> 'passOn')::boolean, (refused.sent ->> 'until')::date,
    'refused',
    (
        SELECT membership.role
        FROM membership
        WHERE membership.household_id = refused.household_id AND membership.person_id = refused.person_id
        ORDER BY membership.superseded_at DESC NULLS FIRST, membership.from_month DESC
        LIMIT 1
    ),
    refused.refused_at, NULL, NULL, refused.problem, refused.detail
FROM refused_answer AS refused;
COMMENT ON VIEW shown_answer IS 'An answer as the phones of its household may see it, with who gave it by role; refused ones with their problem';
GRANT SELECT ON shown_answer TO kot_parent;
