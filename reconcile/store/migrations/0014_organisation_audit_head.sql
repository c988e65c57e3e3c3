-- migrate:up
-- Where an organisation's audit chain ends, as a household holds it for its own: links removed from the end are missed too.

CREATE TABLE organisation_audit_head (
    organisation_id uuid NOT NULL,
    number bigint NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT organisation_audit_head_pkey PRIMARY KEY (organisation_id),
    CONSTRAINT organisation_audit_head_organisation_fkey FOREIGN KEY (organisation_id) REFERENCES organisation
);
COMMENT ON TABLE organisation_audit_head IS 'The newest link of each organisation''s audit chain';
COMMENT ON COLUMN organisation_audit_head.organisation_id IS 'The organisation';
COMMENT ON COLUMN organisation_audit_head.number IS 'Number of its newest audit row';
COMMENT ON COLUMN organisation_audit_head.hash IS 'Hash of its newest audit row';

INSERT INTO organisation_audit_head (organisation_id, number, hash)
SELECT DISTINCT ON (organisation_id) organisation_id, number, hash
FROM organisation_audit
ORDER BY organisation_id, number DESC;

ALTER TABLE organisation_audit_head ENABLE ROW LEVEL SECURITY;
ALTER TABLE organisation_audit_head FORCE ROW LEVEL SECURITY;
CREATE POLICY organisation_audit_head_of_organisation ON organisation_audit_head TO kot_organisation
    USING (organisation_id = own_organisation()) WITH CHECK (organisation_id = own_organisation());
CREATE POLICY organisation_audit_head_of_intake ON organisation_audit_head TO kot_intake USING (true) WITH CHECK (true);
CREATE POLICY organisation_audit_head_of_owner ON organisation_audit_head FOR SELECT TO kot_owner USING (true);
GRANT SELECT, INSERT, UPDATE (number, hash) ON organisation_audit_head TO kot_organisation, kot_intake;
