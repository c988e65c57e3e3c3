-- migrate:up
-- What senders of other registers ask for: attempts that were refused at the door, deliveries that are taken whole or not at all, the
-- reason of a withdrawal, and excuses for a month that comes late.

CREATE TABLE delivery_attempt (
    organisation_id uuid NOT NULL,
    attempt_id uuid NOT NULL DEFAULT gen_random_uuid(),
    sender_oin text NOT NULL,
    reference text,
    attempted_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    status integer NOT NULL,
    problem text NOT NULL,
    byte_count bigint NOT NULL,
    CONSTRAINT delivery_attempt_pkey PRIMARY KEY (organisation_id, attempt_id),
    CONSTRAINT delivery_attempt_organisation_fkey FOREIGN KEY (organisation_id) REFERENCES organisation,
    CONSTRAINT delivery_attempt_was_refused CHECK (status BETWEEN 400 AND 499)
);
COMMENT ON TABLE delivery_attempt IS 'A delivery that was refused at the door (poging), without its content; forgotten after thirty days';
COMMENT ON COLUMN delivery_attempt.organisation_id IS 'The organisation';
COMMENT ON COLUMN delivery_attempt.attempt_id IS 'Number of the attempt';
COMMENT ON COLUMN delivery_attempt.sender_oin IS 'Who sent it: the organisation itself, or a vendor with its mandate';
COMMENT ON COLUMN delivery_attempt.reference IS 'The sender''s reference, when it was one';
COMMENT ON COLUMN delivery_attempt.attempted_at IS 'When it was refused';
COMMENT ON COLUMN delivery_attempt.status IS 'Status of the answer';
COMMENT ON COLUMN delivery_attempt.problem IS 'Name of the type of problem';
COMMENT ON COLUMN delivery_attempt.byte_count IS 'Bytes that had arrived, as sent';
CREATE INDEX delivery_attempt_by_age ON delivery_attempt (organisation_id, sender_oin, attempted_at);

ALTER TABLE delivery_attempt ENABLE ROW LEVEL SECURITY;
ALTER TABLE delivery_attempt FORCE ROW LEVEL SECURITY;
CREATE POLICY delivery_attempt_of_organisation ON delivery_attempt TO kot_organisation
    USING (organisation_id = own_organisation()) WITH CHECK (organisation_id = own_organisation());
CREATE POLICY delivery_attempt_of_sender ON delivery_attempt AS RESTRICTIVE TO kot_organisation
    USING (own_vendor() IS NULL OR (sender_oin = own_vendor() AND is_mandated(organisation_id)))
    WITH CHECK (own_vendor() IS NULL OR (sender_oin = own_vendor() AND is_mandated(organisation_id)));
CREATE POLICY delivery_attempt_of_vendor ON delivery_attempt FOR SELECT TO kot_organisation
    USING (own_organisation() IS NULL AND sender_oin = own_vendor());
CREATE POLICY delivery_attempt_of_intake ON delivery_attempt TO kot_intake USING (true);
CREATE POLICY delivery_attempt_of_pilot ON delivery_attempt FOR SELECT TO kot_pilot USING (true);
GRANT SELECT, INSERT, DELETE ON delivery_attempt TO kot_organisation;
GRANT SELECT, DELETE ON delivery_attempt TO kot_intake;
GRANT SELECT (organisation_id, sender_oin, attempted_at) ON delivery_attempt TO kot_pilot;
-- The same of what landed: when a vendor last succeeded and failed, across its organisations.
GRANT SELECT (sender_oin) ON delivery TO kot_pilot;

ALTER TABLE delivery
    ADD COLUMN all_or_nothing boolean NOT NULL DEFAULT false,
    ADD COLUMN is_refused boolean;
COMMENT ON COLUMN delivery.all_or_nothing IS 'That its sender wants all of its lines taken, or none';
COMMENT ON COLUMN delivery.is_refused IS 'Whether none of its lines is taken because its sender wants all or nothing; decided once, before the first line has its outcome, and empty until then';
-- Before the first line has its outcome, every line of a delivery that is refused is given its fault in the stage.
GRANT UPDATE (faults, waits_for) ON line_stage TO kot_intake;
-- Of a refused delivery nothing stands, so the same content may come again. A spreadsheet has the switch in its address: with it and
-- without it the same bytes ask for something else.
DROP INDEX delivery_content_once;
CREATE UNIQUE INDEX delivery_content_once
    ON delivery (organisation_id, sender_oin, content_sha256, format, coalesce(charset, ''), (all_or_nothing AND format = 'csv'))
    WHERE state NOT IN ('arriving', 'unreadable', 'withdrawing', 'withdrawn') AND duplicate_of IS NULL AND is_refused IS NOT TRUE;
GRANT SELECT (all_or_nothing, is_refused) ON delivery TO kot_trial;

ALTER TABLE withdrawal
    ADD COLUMN reason text,
    ADD CONSTRAINT withdrawal_reason_is_short CHECK (char_length(reason) BETWEEN 1 AND 200);
COMMENT ON COLUMN withdrawal.reason IS 'Why, in the words of who asked; nobody is named in it';

CREATE TABLE excuse (
    organisation_id uuid NOT NULL,
    excuse_id uuid NOT NULL DEFAULT gen_random_uuid(),
    month date NOT NULL,
    lrk_number text,
    reason text NOT NULL,
    note text,
    deliver_on date NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    superseded_at timestamptz,
    CONSTRAINT excuse_pkey PRIMARY KEY (organisation_id, excuse_id),
    CONSTRAINT excuse_organisation_fkey FOREIGN KEY (organisation_id) REFERENCES organisation,
    CONSTRAINT excuse_location_fkey FOREIGN KEY (lrk_number) REFERENCES location,
    CONSTRAINT excuse_month_is_month CHECK (extract(day FROM month) = 1),
    CONSTRAINT excuse_reason_known CHECK (reason IN ('software', 'closed', 'transfer', 'other')),
    CONSTRAINT excuse_other_says_what CHECK (reason <> 'other' OR note IS NOT NULL),
    CONSTRAINT excuse_note_is_short CHECK (char_length(note) BETWEEN 1 AND 200)
);
COMMENT ON TABLE excuse IS 'Why a month comes late and until when (verontschuldiging), for a location or for all; every version is kept, one is current';
COMMENT ON COLUMN excuse.organisation_id IS 'The organisation';
COMMENT ON COLUMN excuse.excuse_id IS 'Number of this version';
COMMENT ON COLUMN excuse.month IS 'The month that comes late';
COMMENT ON COLUMN excuse.lrk_number IS 'The location, empty for all of them';
COMMENT ON COLUMN excuse.reason IS 'software, closed, transfer or other';
COMMENT ON COLUMN excuse.note IS 'What more there is to say; nobody is named in it';
COMMENT ON COLUMN excuse.deliver_on IS 'Day until which it will be delivered, in the Netherlands';
COMMENT ON COLUMN excuse.recorded_at IS 'Known since';
COMMENT ON COLUMN excuse.superseded_at IS 'Known until, empty while it is current';
CREATE UNIQUE INDEX excuse_one_current ON excuse (organisation_id, month, (coalesce(lrk_number, ''))) WHERE superseded_at IS NULL;
CREATE INDEX excuse_by_month ON excuse (month) WHERE superseded_at IS NULL;
CREATE INDEX excuse_by_location ON excuse (lrk_number);

ALTER TABLE excuse ENABLE ROW LEVEL SECURITY;
ALTER TABLE excuse FORCE ROW LEVEL SECURITY;
-- The organisation alone excuses itself; its vendors, and managers, read it beside what is overdue.
CREATE POLICY excuse_of_organisation ON excuse TO kot_organisation
    USING (organisation_id = own_organisation() AND own_vendor() IS NULL)
    WITH CHECK (organisation_id = own_organisation() AND own_vendor() IS NULL);
CREATE POLICY excuse_for_vendor ON excuse FOR SELECT TO kot_organisation USING (
    own_vendor() IS NOT NULL AND (own_organisation() IS NULL OR organisation_id = own_organisation()) AND is_mandated(organisation_id)
);
CREATE POLICY excuse_of_pilot ON excuse FOR SELECT TO kot_pilot USING (true);
GRANT SELECT, INSERT, UPDATE (superseded_at) ON excuse TO kot_organisation;
GRANT SELECT (organisation_id, month, lrk_number, reason, note, deliver_on, recorded_at, superseded_at) ON excuse TO kot_pilot;
