-- migrate:up
-- An acceptance becomes one kind of answer beside dispute, postponement and reversal (ADR 0033): one table, one collection for phones.

ALTER TABLE acceptance RENAME TO answer;
ALTER TABLE answer RENAME COLUMN acceptance_id TO answer_id;
ALTER TABLE answer RENAME CONSTRAINT acceptance_pkey TO answer_pkey;
ALTER TABLE answer RENAME CONSTRAINT acceptance_change_once TO answer_change_once;
ALTER TABLE answer RENAME CONSTRAINT acceptance_version_fkey TO answer_version_fkey;
ALTER TABLE answer RENAME CONSTRAINT acceptance_change_fkey TO answer_change_fkey;
ALTER TABLE change RENAME CONSTRAINT change_acceptance_fkey TO change_answer_fkey;
ALTER POLICY acceptance_of_parent ON answer RENAME TO answer_of_parent;
ALTER POLICY acceptance_of_tvs ON answer RENAME TO answer_of_tvs;
ALTER POLICY acceptance_of_forward ON answer RENAME TO answer_of_forward;
ALTER POLICY acceptance_of_intake ON answer RENAME TO answer_of_intake;
ALTER POLICY acceptance_of_explain ON answer RENAME TO answer_of_explain;

ALTER TABLE answer
    ALTER COLUMN change_id DROP NOT NULL,
    ADD COLUMN kind text NOT NULL DEFAULT 'acceptance',
    ADD COLUMN version bigint,
    ADD COLUMN deleted boolean NOT NULL DEFAULT false,
    ADD COLUMN reason text,
    ADD COLUMN note text,
    ADD COLUMN is_passed_on boolean NOT NULL DEFAULT false,
    ADD COLUMN until_on date,
    ADD COLUMN undone_change_id uuid,
    ADD COLUMN ended_at timestamptz;

ALTER TABLE answer NO FORCE ROW LEVEL SECURITY;
ALTER TABLE change NO FORCE ROW LEVEL SECURITY;
UPDATE answer
SET version = change.version
FROM change
WHERE change.household_id = answer.household_id AND change.change_id = answer.change_id;
ALTER TABLE answer FORCE ROW LEVEL SECURITY;
ALTER TABLE change FORCE ROW LEVEL SECURITY;

ALTER TABLE answer
    ALTER COLUMN kind DROP DEFAULT,
    ALTER COLUMN version SET NOT NULL,
    DROP CONSTRAINT acceptance_once_per_version,
    ADD CONSTRAINT answer_kind_known CHECK (kind IN ('acceptance', 'dispute', 'postponement', 'reversal')),
    ADD CONSTRAINT answer_acceptance_has_change CHECK (kind <> 'acceptance' OR change_id IS NOT NULL),
    ADD CONSTRAINT answer_change_of_whom CHECK (change_id IS NULL OR kind IN ('acceptance', 'reversal')),
    ADD CONSTRAINT answer_dispute_has_reason CHECK ((kind = 'dispute') = (reason IS NOT NULL)),
    ADD CONSTRAINT answer_note_of_dispute CHECK (kind = 'dispute' OR (note IS NULL AND NOT is_passed_on)),
    ADD CONSTRAINT answer_postponement_has_day CHECK ((kind = 'postponement') = (until_on IS NOT NULL)),
    ADD CONSTRAINT answer_reversal_undoes CHECK ((kind = 'reversal') = (undone_change_id IS NOT NULL)),
    ADD CONSTRAINT answer_undone_change_fkey FOREIGN KEY (household_id, undone_change_id) REFERENCES change;
-- One acceptance for each version that was shown, and one reversal for each change.
CREATE UNIQUE INDEX answer_one_acceptance ON answer (household_id, difference_id, difference_version) WHERE kind = 'acceptance';
CREATE UNIQUE INDEX answer_one_reversal ON answer (household_id, undone_change_id) WHERE kind = 'reversal';
CREATE INDEX answer_by_version ON answer (household_id, version);

COMMENT ON TABLE answer IS 'What a parent answered to one version of a difference, or to a change that followed';
COMMENT ON COLUMN answer.answer_id IS 'Number of the answer; a phone makes it before the first try';
COMMENT ON COLUMN answer.kind IS 'acceptance, dispute, postponement or reversal';
COMMENT ON COLUMN answer.version IS 'Version of the household at which it last changed';
COMMENT ON COLUMN answer.deleted IS 'Taken back by the parent: a tombstone for phones';
COMMENT ON COLUMN answer.change_id IS 'The change that follows from it, for TVS; a dispute and a postponement have none';
COMMENT ON COLUMN answer.reason IS 'Why the parent disputes it, one of the published reasons';
COMMENT ON COLUMN answer.note IS 'What the parent adds to a dispute';
COMMENT ON COLUMN answer.is_passed_on IS 'Whether the parent lets the organisation know of the dispute';
COMMENT ON COLUMN answer.until_on IS 'Day, in the Netherlands, on which what was postponed is asked again';
COMMENT ON COLUMN answer.undone_change_id IS 'The change that a reversal undoes';
COMMENT ON COLUMN answer.ended_at IS 'When it was taken back, reversed or over; empty while it stands';

-- What a phone sent and could not be taken stays as a document with its reason, so that the app can show it.
CREATE TABLE refused_answer (
    household_id uuid NOT NULL,
    answer_id uuid NOT NULL,
    version bigint NOT NULL,
    deleted boolean NOT NULL DEFAULT false,
    person_id uuid NOT NULL,
    sent jsonb NOT NULL,
    problem text NOT NULL,
    detail text NOT NULL,
    refused_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    CONSTRAINT refused_answer_pkey PRIMARY KEY (household_id, answer_id),
    CONSTRAINT refused_answer_household_fkey FOREIGN KEY (household_id) REFERENCES household
);
COMMENT ON TABLE refused_answer IS 'An answer that a phone sent and that was not taken: nothing came of it';
COMMENT ON COLUMN refused_answer.household_id IS 'The household';
COMMENT ON COLUMN refused_answer.answer_id IS 'Number that the phone made';
COMMENT ON COLUMN refused_answer.version IS 'Version of the household at which it last changed';
COMMENT ON COLUMN refused_answer.deleted IS 'Removed by the phone: a tombstone';
COMMENT ON COLUMN refused_answer.person_id IS 'Who sent it';
COMMENT ON COLUMN refused_answer.sent IS 'What was sent, in the form of the document';
COMMENT ON COLUMN refused_answer.problem IS 'Type of the problem, of the published register';
COMMENT ON COLUMN refused_answer.detail IS 'What is wrong and what to do';
COMMENT ON COLUMN refused_answer.refused_at IS 'When';
CREATE INDEX refused_answer_by_version ON refused_answer (household_id, version);
ALTER TABLE refused_answer ENABLE ROW LEVEL SECURITY;
ALTER TABLE refused_answer FORCE ROW LEVEL SECURITY;
CREATE POLICY refused_answer_of_parent ON refused_answer TO kot_parent
    USING (household_id = own_household()) WITH CHECK (household_id = own_household());
GRANT SELECT, INSERT, UPDATE (version, deleted) ON refused_answer TO kot_parent;
GRANT UPDATE (version, deleted, reason, note, is_passed_on, until_on, ended_at) ON answer TO kot_parent;

-- What was postponed is open to the judgement and to a tap; what was disputed is history as what was accepted.
ALTER TABLE difference
    DROP CONSTRAINT difference_closed_when,
    ADD CONSTRAINT difference_closed_when CHECK ((state IN ('open', 'postponed')) = (closed_at IS NULL));
COMMENT ON COLUMN difference.state IS 'open; postponed, which is open but not asked until a day; accepted or disputed; closed, when nothing is left to answer';
