-- migrate:up
-- People are known by the blind index of their BSN; the sealed BSN stands here and nowhere else.

CREATE TABLE person (
    bsn_index bytea NOT NULL,
    person_id uuid NOT NULL DEFAULT gen_random_uuid(),
    bsn_sealed bytea NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    CONSTRAINT person_pkey PRIMARY KEY (bsn_index),
    CONSTRAINT person_id_unique UNIQUE (person_id),
    CONSTRAINT person_bsn_index_form CHECK (octet_length(bsn_index) = 32)
);
COMMENT ON TABLE person IS 'A human being with a BSN, parent or child, known to TVS or only to an organisation';
COMMENT ON COLUMN person.bsn_index IS 'Keyed hash of the BSN (HMAC-SHA-256), by which a person is found';
COMMENT ON COLUMN person.person_id IS 'Our own random number of the person';
COMMENT ON COLUMN person.bsn_sealed IS 'The BSN, AES-256-GCM, bound to this row';
COMMENT ON COLUMN person.recorded_at IS 'When the person was first named to us';

CREATE TABLE login (
    issuer text NOT NULL,
    subject text NOT NULL,
    person_id uuid NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    CONSTRAINT login_pkey PRIMARY KEY (issuer, subject),
    CONSTRAINT login_person_fkey FOREIGN KEY (person_id) REFERENCES person (person_id)
);
COMMENT ON TABLE login IS 'The pseudonym under which an issuer names a person, linked once through the identity claim';
COMMENT ON COLUMN login.issuer IS 'Issuer of the access token';
COMMENT ON COLUMN login.subject IS 'Pairwise pseudonym of the person at that issuer';
COMMENT ON COLUMN login.person_id IS 'The person';
COMMENT ON COLUMN login.recorded_at IS 'When the link was made';
CREATE INDEX login_by_person ON login (person_id);

ALTER TABLE person ENABLE ROW LEVEL SECURITY;
ALTER TABLE person FORCE ROW LEVEL SECURITY;
-- A parent's request finds the person whose index its own token proved, and nobody else.
CREATE POLICY person_of_visitor ON person FOR SELECT TO kot_parent
    USING (bsn_index = decode(nullif(current_setting('app.bsn_index', true), ''), 'hex'));
CREATE POLICY person_of_tvs ON person TO kot_tvs USING (true) WITH CHECK (true);
CREATE POLICY person_of_intake ON person TO kot_intake USING (true) WITH CHECK (true);
GRANT SELECT (bsn_index, person_id) ON person TO kot_parent, kot_tvs, kot_intake;
GRANT INSERT ON person TO kot_tvs, kot_intake;

ALTER TABLE login ENABLE ROW LEVEL SECURITY;
ALTER TABLE login FORCE ROW LEVEL SECURITY;
CREATE POLICY login_of_visitor ON login TO kot_parent
    USING (issuer = current_setting('app.issuer', true) AND subject = current_setting('app.subject', true))
    WITH CHECK (issuer = current_setting('app.issuer', true) AND subject = current_setting('app.subject', true));
GRANT SELECT, INSERT ON login TO kot_parent;
