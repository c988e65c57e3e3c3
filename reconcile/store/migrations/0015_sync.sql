-- migrate:up
-- Following a household: the parent who asks, at this moment, in the same statement as what is read.

-- One definition of what a household may see of a difference, for a list, for one, and for the pages that phones follow.
CREATE VIEW shown_difference WITH (security_invoker = true) AS
SELECT
    difference.household_id, difference.difference_id, difference.version, difference.deleted, difference.state, difference.kind,
    difference.year, difference.child_id,
    (
        SELECT membership.given_name
        FROM membership
        WHERE membership.household_id = difference.household_id AND membership.person_id = difference.child_id
        ORDER BY membership.superseded_at DESC NULLS FIRST, membership.from_month DESC
        LIMIT 1
    ) AS child_given_name,
    difference.proposal, difference.route, difference.explanation, difference.effect, difference.rules_version,
    difference.judged_at, difference.opened_at, difference.closed_at,
    (
        SELECT acceptance.change_id
        FROM acceptance
        WHERE acceptance.household_id = difference.household_id AND acceptance.difference_id = difference.difference_id
        ORDER BY acceptance.difference_version DESC
        LIMIT 1
    ) AS change_id
FROM difference;
COMMENT ON VIEW shown_difference IS 'A difference as its household may see it, with the given name of the child and the change of its newest acceptance';
GRANT SELECT ON shown_difference TO kot_parent;
