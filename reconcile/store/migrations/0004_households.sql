-- migrate:up
-- The household: unit of sync, isolation, order and cohorts. Its facts are append-only in time: what was known on a day
-- is what was recorded by then and not yet superseded.

CREATE TABLE household (
    household_id uuid NOT NULL DEFAULT gen_random_uuid(),
    household_ref text NOT NULL,
    version bigint NOT NULL DEFAULT 0,
    declaration_version bigint NOT NULL DEFAULT 0,
    declared_at timestamptz,
    deleted boolean NOT NULL DEFAULT false,
    audit_number bigint NOT NULL DEFAULT 0,
    audit_hash bytea NOT NULL DEFAULT '\x',
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    CONSTRAINT household_pkey PRIMARY KEY (household_id),
    CONSTRAINT household_ref_unique UNIQUE (household_ref),
    CONSTRAINT household_version_counts CHECK (version >= 0)
);
COMMENT ON TABLE household IS 'One applicant''s allowance (huishouden) with partner and children by membership; never merged or split';
COMMENT ON COLUMN household.household_id IS 'Random number: cohorts are drawn from a salted hash of it';
COMMENT ON COLUMN household.household_ref IS 'Reference of TVS for this household';
COMMENT ON COLUMN household.version IS 'Counter under the row lock of every writing transaction: it numbers changes in commit order';
COMMENT ON COLUMN household.declaration_version IS 'Version of the declaration that stands';
COMMENT ON COLUMN household.declared_at IS 'When that declaration was received';
COMMENT ON COLUMN household.deleted IS 'TVS no longer has this household';
COMMENT ON COLUMN household.audit_number IS 'Number of the newest audit row of this household';
COMMENT ON COLUMN household.audit_hash IS 'Hash of the newest audit row of this household';
COMMENT ON COLUMN household.recorded_at IS 'When the household was first declared';

CREATE TABLE membership (
    household_id uuid NOT NULL,
    membership_id uuid NOT NULL DEFAULT gen_random_uuid(),
    person_id uuid NOT NULL,
    person_ref text NOT NULL,
    role text NOT NULL,
    given_name text NOT NULL,
    birth_date date,
    from_month date NOT NULL,
    until_month date,
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    superseded_at timestamptz,
    CONSTRAINT membership_pkey PRIMARY KEY (household_id, membership_id),
    CONSTRAINT membership_household_fkey FOREIGN KEY (household_id) REFERENCES household,
    CONSTRAINT membership_role_known CHECK (role IN ('applicant', 'partner', 'child')),
    CONSTRAINT membership_from_is_month CHECK (extract(day FROM from_month) = 1),
    CONSTRAINT membership_until_is_month CHECK (extract(day FROM until_month) = 1 AND until_month >= from_month),
    CONSTRAINT membership_one_at_a_time EXCLUDE USING gist (
        household_id WITH =, person_id WITH =, daterange(from_month, until_month, '[]') WITH &&
    ) WHERE (superseded_at IS NULL)
);
COMMENT ON TABLE membership IS 'Ties applicant, partner and children to a household, by month';
COMMENT ON COLUMN membership.household_id IS 'The household';
COMMENT ON COLUMN membership.membership_id IS 'Number of this fact';
COMMENT ON COLUMN membership.person_id IS 'The person; a child may live in two households';
COMMENT ON COLUMN membership.person_ref IS 'Reference of TVS for this person';
COMMENT ON COLUMN membership.role IS 'applicant, partner or child';
COMMENT ON COLUMN membership.given_name IS 'Given name, to tell children apart in the app';
COMMENT ON COLUMN membership.birth_date IS 'Day of birth, when TVS gave it';
COMMENT ON COLUMN membership.from_month IS 'First month';
COMMENT ON COLUMN membership.until_month IS 'Last month, empty while it lasts';
COMMENT ON COLUMN membership.recorded_at IS 'Known since';
COMMENT ON COLUMN membership.superseded_at IS 'Known until, empty while it is current';
CREATE INDEX membership_by_person ON membership (person_id, household_id) WHERE superseded_at IS NULL;

CREATE TABLE income (
    household_id uuid NOT NULL,
    year smallint NOT NULL,
    amount_euro integer NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    superseded_at timestamptz,
    CONSTRAINT income_pkey PRIMARY KEY (household_id, year, recorded_at),
    CONSTRAINT income_household_fkey FOREIGN KEY (household_id) REFERENCES household,
    CONSTRAINT income_amount_known CHECK (amount_euro >= 0)
);
COMMENT ON TABLE income IS 'Joint assessment income (toetsingsinkomen) of a calculation year, as TVS has it: an estimate during the year';
COMMENT ON COLUMN income.household_id IS 'The household';
COMMENT ON COLUMN income.year IS 'Calculation year';
COMMENT ON COLUMN income.amount_euro IS 'Whole euros';
COMMENT ON COLUMN income.recorded_at IS 'Known since';
COMMENT ON COLUMN income.superseded_at IS 'Known until, empty while it is current';
CREATE UNIQUE INDEX income_one_current ON income (household_id, year) WHERE superseded_at IS NULL;

CREATE TABLE awarded_year (
    household_id uuid NOT NULL,
    year smallint NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    superseded_at timestamptz,
    CONSTRAINT awarded_year_pkey PRIMARY KEY (household_id, year, recorded_at),
    CONSTRAINT awarded_year_household_fkey FOREIGN KEY (household_id) REFERENCES household
);
COMMENT ON TABLE awarded_year IS 'A year with a final award (definitieve toekenning): closed, it takes no tap';
COMMENT ON COLUMN awarded_year.household_id IS 'The household';
COMMENT ON COLUMN awarded_year.year IS 'Calculation year';
COMMENT ON COLUMN awarded_year.recorded_at IS 'Known since';
COMMENT ON COLUMN awarded_year.superseded_at IS 'Known until, empty while it is current';
CREATE UNIQUE INDEX awarded_year_one_current ON awarded_year (household_id, year) WHERE superseded_at IS NULL;

CREATE TABLE household_audit (
    household_id uuid NOT NULL,
    number bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    event jsonb NOT NULL,
    previous_hash bytea NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT household_audit_pkey PRIMARY KEY (household_id, number),
    CONSTRAINT household_audit_household_fkey FOREIGN KEY (household_id) REFERENCES household,
    CONSTRAINT household_audit_chained CHECK (octet_length(hash) = 32)
);
COMMENT ON TABLE household_audit IS 'Every change, and every read by somebody else, chained per household under its lock';
COMMENT ON COLUMN household_audit.household_id IS 'The household';
COMMENT ON COLUMN household_audit.number IS 'Place in the chain, from 1';
COMMENT ON COLUMN household_audit.recorded_at IS 'When';
COMMENT ON COLUMN household_audit.event IS 'Who did what: action, actor and the numbers of what it touched; never a name or BSN';
COMMENT ON COLUMN household_audit.previous_hash IS 'Hash of the row before, empty for the first';
COMMENT ON COLUMN household_audit.hash IS 'SHA-256 over the hash before, the number, the instant and the event';

-- One definition of the link of the chain, for the writers and for `kot audit verify`.
CREATE FUNCTION audit_link(previous_hash bytea, number bigint, recorded_at timestamptz, event jsonb) RETURNS bytea
    LANGUAGE sql STABLE
    RETURN sha256(previous_hash || convert_to(number::text || '|' || extract(epoch FROM recorded_at)::text || '|' || event::text, 'UTF8'));
COMMENT ON FUNCTION audit_link IS 'The hash of one audit row';

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit rows are never altered or removed' USING ERRCODE = 'insufficient_privilege';
END
$$;
COMMENT ON FUNCTION refuse_change IS 'Keeps audit rows as they were written';
CREATE TRIGGER household_audit_is_final BEFORE UPDATE OR DELETE ON household_audit FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Which household this transaction acts for; '' after the setting was used once in a session, NULL before.
CREATE FUNCTION own_household() RETURNS uuid LANGUAGE sql STABLE
    RETURN nullif(current_setting('app.household_id', true), '')::uuid;
COMMENT ON FUNCTION own_household IS 'The household in whose context this transaction acts, or nothing';

ALTER TABLE household ENABLE ROW LEVEL SECURITY;
ALTER TABLE household FORCE ROW LEVEL SECURITY;
CREATE POLICY household_of_parent ON household TO kot_parent USING (household_id = own_household());
CREATE POLICY household_of_tvs ON household TO kot_tvs USING (true) WITH CHECK (true);
CREATE POLICY household_of_intake ON household TO kot_intake USING (true) WITH CHECK (true);
CREATE POLICY household_of_forward ON household TO kot_forward USING (true) WITH CHECK (true);
GRANT SELECT ON household TO kot_parent, kot_tvs, kot_intake, kot_forward;
GRANT INSERT ON household TO kot_tvs;
GRANT UPDATE (version, audit_number, audit_hash) ON household TO kot_parent, kot_intake, kot_forward;
GRANT UPDATE (version, declaration_version, declared_at, deleted, audit_number, audit_hash) ON household TO kot_tvs;

ALTER TABLE membership ENABLE ROW LEVEL SECURITY;
ALTER TABLE membership FORCE ROW LEVEL SECURITY;
-- A parent sees the household it acts for; before that is settled, its own memberships as applicant or partner.
CREATE POLICY membership_of_parent ON membership FOR SELECT TO kot_parent USING (
    household_id = own_household()
    OR (role IN ('applicant', 'partner') AND person_id IN (SELECT login.person_id FROM login))
);
CREATE POLICY membership_of_tvs ON membership TO kot_tvs USING (true) WITH CHECK (true);
CREATE POLICY membership_of_intake ON membership FOR SELECT TO kot_intake USING (true);
GRANT SELECT ON membership TO kot_parent, kot_intake;
GRANT SELECT, INSERT, UPDATE (superseded_at) ON membership TO kot_tvs;

ALTER TABLE income ENABLE ROW LEVEL SECURITY;
ALTER TABLE income FORCE ROW LEVEL SECURITY;
CREATE POLICY income_of_parent ON income FOR SELECT TO kot_parent USING (household_id = own_household());
CREATE POLICY income_of_tvs ON income TO kot_tvs USING (true) WITH CHECK (true);
CREATE POLICY income_of_intake ON income FOR SELECT TO kot_intake USING (true);
GRANT SELECT ON income TO kot_parent, kot_intake;
GRANT SELECT, INSERT, UPDATE (superseded_at) ON income TO kot_tvs;

ALTER TABLE awarded_year ENABLE ROW LEVEL SECURITY;
ALTER TABLE awarded_year FORCE ROW LEVEL SECURITY;
CREATE POLICY awarded_year_of_parent ON awarded_year FOR SELECT TO kot_parent USING (household_id = own_household());
CREATE POLICY awarded_year_of_tvs ON awarded_year TO kot_tvs USING (true) WITH CHECK (true);
CREATE POLICY awarded_year_of_intake ON awarded_year FOR SELECT TO kot_intake USING (true);
GRANT SELECT ON awarded_year TO kot_parent, kot_intake;
GRANT SELECT, INSERT, UPDATE (superseded_at) ON awarded_year TO kot_tvs;

ALTER TABLE household_audit ENABLE ROW LEVEL SECURITY;
ALTER TABLE household_audit FORCE ROW LEVEL SECURITY;
CREATE POLICY household_audit_of_parent ON household_audit TO kot_parent
    USING (household_id = own_household()) WITH CHECK (household_id = own_household());
CREATE POLICY household_audit_of_tvs ON household_audit TO kot_tvs USING (true) WITH CHECK (true);
CREATE POLICY household_audit_of_intake ON household_audit TO kot_intake USING (true) WITH CHECK (true);
CREATE POLICY household_audit_of_forward ON household_audit TO kot_forward USING (true) WITH CHECK (true);
-- `kot audit verify` reads the chains, and nothing else, as their owner.
CREATE POLICY household_audit_of_owner ON household_audit FOR SELECT TO kot_owner USING (true);
CREATE POLICY household_of_owner ON household FOR SELECT TO kot_owner USING (true);
GRANT SELECT, INSERT ON household_audit TO kot_parent, kot_tvs, kot_intake, kot_forward;

-- Which household ties this parent to this child, and in which months. What is reported about a child belongs to the one
-- household that ties it to the parent of the line; a child may live in two households.
CREATE VIEW household_tie WITH (security_invoker = true) AS
SELECT
    parent.household_id,
    parent.person_id AS parent_id,
    child.person_id AS child_id,
    greatest(parent.from_month, child.from_month) AS from_month,
    least(parent.until_month, child.until_month) AS until_month
FROM membership AS parent
JOIN membership AS child ON child.household_id = parent.household_id AND child.role = 'child' AND child.superseded_at IS NULL
WHERE parent.role IN ('applicant', 'partner') AND parent.superseded_at IS NULL
    AND daterange(parent.from_month, parent.until_month, '[]') && daterange(child.from_month, child.until_month, '[]');
COMMENT ON VIEW household_tie IS 'Parent and child of one household, and the months in which both belong to it';
GRANT SELECT ON household_tie TO kot_tvs, kot_intake;
