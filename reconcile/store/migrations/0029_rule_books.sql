-- migrate:up
-- Which rule book is active, and what was foreseen, approved and done before it was. Nothing of it is ever altered or removed.

CREATE TABLE rule_report (
    report_id uuid NOT NULL DEFAULT gen_random_uuid(),
    old_version text NOT NULL,
    old_sha256 bytea NOT NULL,
    new_version text NOT NULL,
    new_sha256 bytea NOT NULL,
    as_of timestamptz NOT NULL,
    content text NOT NULL,
    content_sha256 bytea NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT rule_report_pkey PRIMARY KEY (report_id),
    CONSTRAINT rule_report_of_two_books CHECK ((old_version, old_sha256) <> (new_version, new_sha256)),
    CONSTRAINT rule_report_hashed CHECK (content_sha256 = sha256(convert_to(content, 'UTF8')))
);
COMMENT ON TABLE rule_report IS 'What a change of rule books would do to all that was known, as it was computed before the change (gevolgenrapport)';
COMMENT ON COLUMN rule_report.report_id IS 'Number of the report';
COMMENT ON COLUMN rule_report.old_version IS 'The book that it is changed from';
COMMENT ON COLUMN rule_report.old_sha256 IS 'SHA-256 of its file';
COMMENT ON COLUMN rule_report.new_version IS 'The book that it is changed to';
COMMENT ON COLUMN rule_report.new_sha256 IS 'SHA-256 of its file';
COMMENT ON COLUMN rule_report.as_of IS 'The instant for which both judged';
COMMENT ON COLUMN rule_report.content IS 'The report: canonical JSON, numbers and opaque numbers of households alone';
COMMENT ON COLUMN rule_report.content_sha256 IS 'SHA-256 of the report: an approval is of this very content';
COMMENT ON COLUMN rule_report.recorded_at IS 'When it was kept: a report is stale after two weeks';

CREATE TABLE rule_approval (
    report_id uuid NOT NULL,
    content_sha256 bytea NOT NULL,
    approved_by text NOT NULL,
    approved_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT rule_approval_pkey PRIMARY KEY (report_id),
    CONSTRAINT rule_approval_report_fkey FOREIGN KEY (report_id) REFERENCES rule_report,
    CONSTRAINT rule_approval_by_somebody CHECK (approved_by ~ '^[!-~]{1,100}$')
);
COMMENT ON TABLE rule_approval IS 'That somebody read a report and finds that the change may be made';
COMMENT ON COLUMN rule_approval.report_id IS 'The report';
COMMENT ON COLUMN rule_approval.content_sha256 IS 'SHA-256 of the report that was read';
COMMENT ON COLUMN rule_approval.approved_by IS 'OIN and role of who approved it';
COMMENT ON COLUMN rule_approval.approved_at IS 'When';

CREATE TABLE rule_activation (
    number bigint NOT NULL,
    version text NOT NULL,
    book_sha256 bytea NOT NULL,
    active_from timestamptz NOT NULL,
    report_id uuid,
    activated_by text NOT NULL,
    CONSTRAINT rule_activation_pkey PRIMARY KEY (number),
    CONSTRAINT rule_activation_report_once UNIQUE (report_id),
    CONSTRAINT rule_activation_report_fkey FOREIGN KEY (report_id) REFERENCES rule_report,
    CONSTRAINT rule_activation_first_alone CHECK ((report_id IS NULL) = (number = 1)),
    CONSTRAINT rule_activation_by_somebody CHECK (activated_by ~ '^[!-~]{1,100}$')
);
COMMENT ON TABLE rule_activation IS 'Which rule book was active from when on; the one with the highest number is active';
COMMENT ON COLUMN rule_activation.number IS 'Place in the order, from 1';
COMMENT ON COLUMN rule_activation.version IS 'The book';
COMMENT ON COLUMN rule_activation.book_sha256 IS 'SHA-256 of its file: the same version with another content is another book';
COMMENT ON COLUMN rule_activation.active_from IS 'From when on it is active, until the next one is';
COMMENT ON COLUMN rule_activation.report_id IS 'The approved report of this change, empty for the first book alone';
COMMENT ON COLUMN rule_activation.activated_by IS 'OIN and role of who activated it: never who approved the report';

CREATE TABLE marking (
    number bigint GENERATED ALWAYS AS IDENTITY,
    activation_number bigint,
    month date,
    marked_until uuid,
    done_at timestamptz,
    CONSTRAINT marking_pkey PRIMARY KEY (number),
    CONSTRAINT marking_activation_once UNIQUE (activation_number),
    CONSTRAINT marking_month_once UNIQUE (month),
    CONSTRAINT marking_activation_fkey FOREIGN KEY (activation_number) REFERENCES rule_activation,
    CONSTRAINT marking_has_one_reason CHECK (num_nonnulls(activation_number, month) = 1),
    CONSTRAINT marking_month_is_month CHECK (extract(day FROM month) = 1)
);
COMMENT ON TABLE marking IS 'How far the child-years of all households were marked to be judged anew: by another book, or in another month';
COMMENT ON COLUMN marking.number IS 'Place in the order';
COMMENT ON COLUMN marking.activation_number IS 'The activation of another book, when that is the reason';
COMMENT ON COLUMN marking.month IS 'The month that began, when that is the reason';
COMMENT ON COLUMN marking.marked_until IS 'The last household that was marked';
COMMENT ON COLUMN marking.done_at IS 'When all households were, empty while some are still to do';
-- What was judged until now was judged in this month or an earlier one, and follows when something is delivered or declared.
INSERT INTO marking (month, done_at)
VALUES (date_trunc('month', statement_timestamp() AT TIME ZONE 'Europe/Amsterdam')::date, statement_timestamp());

CREATE TABLE rule_audit (
    number bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    event jsonb NOT NULL,
    previous_hash bytea NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT rule_audit_pkey PRIMARY KEY (number),
    CONSTRAINT rule_audit_chained CHECK (octet_length(hash) = 32)
);
COMMENT ON TABLE rule_audit IS 'Every step of a change of rule books: compared, approved, activated; one chain';
COMMENT ON COLUMN rule_audit.number IS 'Place in the chain, from 1';
COMMENT ON COLUMN rule_audit.recorded_at IS 'When';
COMMENT ON COLUMN rule_audit.event IS 'What happened: action, actor and the numbers of what it touched';
COMMENT ON COLUMN rule_audit.previous_hash IS 'Hash of the row before, empty for the first';
COMMENT ON COLUMN rule_audit.hash IS 'SHA-256 over the hash before, the number, the instant and the event';

CREATE TABLE rule_audit_head (
    is_only boolean NOT NULL DEFAULT true,
    number bigint NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT rule_audit_head_pkey PRIMARY KEY (is_only),
    CONSTRAINT rule_audit_head_alone CHECK (is_only)
);
COMMENT ON TABLE rule_audit_head IS 'The newest link of the audit chain of rule books';
COMMENT ON COLUMN rule_audit_head.is_only IS 'There is one chain, and one row';
COMMENT ON COLUMN rule_audit_head.number IS 'Number of its newest audit row';
COMMENT ON COLUMN rule_audit_head.hash IS 'Hash of its newest audit row';

CREATE OR REPLACE VIEW audit_row WITH (security_invoker = true) AS
SELECT 'household' AS chain, household_id AS chain_id, number, recorded_at, event, previous_hash, hash FROM household_audit
UNION ALL
SELECT 'organisation', organisation_id, number, recorded_at, event, previous_hash, hash FROM organisation_audit
UNION ALL
SELECT 'pilot', pilot_id, number, recorded_at, event, previous_hash, hash FROM pilot_audit
UNION ALL
SELECT 'rule', '00000000-0000-0000-0000-000000000000', number, recorded_at, event, previous_hash, hash FROM rule_audit;

CREATE OR REPLACE VIEW audit_head WITH (security_invoker = true) AS
SELECT 'household' AS chain, household_id AS chain_id, audit_number AS number, audit_hash AS hash FROM household WHERE audit_number > 0
UNION ALL
SELECT 'organisation', organisation_id, number, hash FROM organisation_audit_head
UNION ALL
SELECT 'pilot', pilot_id, audit_number, audit_hash FROM pilot
UNION ALL
SELECT 'rule', '00000000-0000-0000-0000-000000000000', number, hash FROM rule_audit_head;

CREATE TRIGGER rule_audit_is_final BEFORE UPDATE OR DELETE ON rule_audit FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER rule_report_is_final BEFORE UPDATE OR DELETE ON rule_report FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER rule_approval_is_final BEFORE UPDATE OR DELETE ON rule_approval FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER rule_activation_is_final BEFORE UPDATE OR DELETE ON rule_activation FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- An activation needs an approved report of exactly this change, whoever writes it. Two at one time want the same number: one fails.
CREATE FUNCTION refuse_unapproved_activation() RETURNS trigger LANGUAGE plpgsql SET search_path = kot, pg_temp AS $$
DECLARE
    active rule_activation;
    report rule_report;
    approval rule_approval;
    fault text;
BEGIN
    SELECT * INTO active FROM rule_activation ORDER BY number DESC LIMIT 1;
    NEW.number := coalesce(active.number, 0) + 1;
    IF active.number IS NULL THEN
        RETURN NEW;
    END IF;
    NEW.active_from := clock_timestamp();
    SELECT * INTO report FROM rule_report WHERE report_id = NEW.report_id;
    SELECT * INTO approval FROM rule_approval WHERE report_id = NEW.report_id;
    fault := CASE
        WHEN report.report_id IS NULL THEN 'without_report'
        WHEN (report.new_version, report.new_sha256) <> (NEW.version, NEW.book_sha256) THEN 'of_another_book'
        WHEN (report.old_version, report.old_sha256) <> (active.version, active.book_sha256) THEN 'from_another_book'
        WHEN report.recorded_at < clock_timestamp() - interval '14 days' THEN 'report_stale'
        WHEN approval.report_id IS NULL OR approval.content_sha256 <> report.content_sha256 THEN 'not_approved'
        WHEN approval.approved_by = NEW.activated_by THEN 'by_one_person'
    END;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION 'a rule book is activated by an approved report of this very change'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'rule_activation_' || fault;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION refuse_unapproved_activation IS 'Lets nobody activate a rule book without an approved report of exactly this change';
CREATE TRIGGER rule_activation_is_approved BEFORE INSERT ON rule_activation
    FOR EACH ROW EXECUTE FUNCTION refuse_unapproved_activation();

-- The book of everything that was judged before there was a choice.
INSERT INTO rule_activation (version, book_sha256, active_from, activated_by)
VALUES ('2026.1', '\x88a106f8ed8f4adf7e23fc400bf6d40d8b54429f713dcc11c7b6e5e4cf496121', '2005-01-01 00:00:00+00', 'release');

DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY['rule_report', 'rule_approval', 'rule_activation', 'marking', 'rule_audit', 'rule_audit_head'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
        EXECUTE format('CREATE POLICY %I ON %I TO kot_owner USING (true) WITH CHECK (true)', table_name || '_of_owner', table_name);
    END LOOP;
END
$$;
-- Who judges reads which book is active and marks what follows, and keeps reports; approving and activating is not for any login.
CREATE POLICY rule_activation_of_intake ON rule_activation FOR SELECT TO kot_intake USING (true);
CREATE POLICY marking_of_intake ON marking TO kot_intake USING (true) WITH CHECK (true);
CREATE POLICY rule_report_of_intake ON rule_report FOR INSERT TO kot_intake WITH CHECK (true);
GRANT SELECT ON rule_activation TO kot_intake;
GRANT SELECT, INSERT (month), UPDATE (marked_until, done_at) ON marking TO kot_intake;
GRANT INSERT ON rule_report TO kot_intake;
CREATE POLICY rule_audit_of_intake ON rule_audit TO kot_intake USING (true) WITH CHECK (true);
CREATE POLICY rule_audit_head_of_intake ON rule_audit_head TO kot_intake USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON rule_audit TO kot_intake;
GRANT SELECT, INSERT, UPDATE (number, hash) ON rule_audit_head TO kot_intake;
