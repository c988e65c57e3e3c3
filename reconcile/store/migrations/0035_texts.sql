-- migrate:up
-- What a parent reads is kept with what it says: a pull costs no writing, and what was shown can be shown again (ADR 0027).
ALTER TABLE difference
    ADD COLUMN texts jsonb,
    ADD COLUMN text_version text,
    ADD CONSTRAINT difference_texts_have_version CHECK ((texts IS NULL) = (text_version IS NULL));
COMMENT ON COLUMN difference.texts IS 'What the parent reads, by language; empty when it was judged before texts were kept';
COMMENT ON COLUMN difference.text_version IS 'Version of the sentences';
ALTER TABLE difference_version ADD COLUMN texts jsonb, ADD COLUMN text_version text;
COMMENT ON COLUMN difference_version.texts IS 'As in difference';
COMMENT ON COLUMN difference_version.text_version IS 'As in difference';

CREATE OR REPLACE VIEW shown_difference WITH (security_invoker = true) AS
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
    ) AS change_id,
    difference.texts, difference.text_version
FROM difference;
