-- migrate:up
-- Every audit chain in one form, for whoever proves that they are whole. Seen with the rights of who reads: the owner alone sees all.

CREATE VIEW audit_row WITH (security_invoker = true) AS
SELECT 'household' AS chain, household_id AS chain_id, number, recorded_at, event, previous_hash, hash FROM household_audit
UNION ALL
SELECT 'organisation', organisation_id, number, recorded_at, event, previous_hash, hash FROM organisation_audit
UNION ALL
SELECT 'pilot', pilot_id, number, recorded_at, event, previous_hash, hash FROM pilot_audit;
COMMENT ON VIEW audit_row IS 'The links of every audit chain';

CREATE VIEW audit_head WITH (security_invoker = true) AS
SELECT 'household' AS chain, household_id AS chain_id, audit_number AS number, audit_hash AS hash FROM household WHERE audit_number > 0
UNION ALL
SELECT 'organisation', organisation_id, number, hash FROM organisation_audit_head
UNION ALL
SELECT 'pilot', pilot_id, audit_number, audit_hash FROM pilot;
COMMENT ON VIEW audit_head IS 'Where every audit chain ends, as its holder knows it apart from the chain';
