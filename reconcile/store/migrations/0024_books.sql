-- migrate:up
-- What an organisation can hold its books against: its lines by month, the BSNs that it sent, what was expected, and its receipts.

-- Lines that stand or wait, by month and location, also those that stood at an earlier instant. The lines of a delivery for a location
-- share one entry, which keeps the index small and cheap to fill: what a page needs beyond it is sorted when it is read.
CREATE INDEX line_by_month ON line (organisation_id, month, lrk_number, delivery_id) WHERE outcome IN ('applied', 'unchanged', 'parked');

CREATE FUNCTION own_statement_month() RETURNS date LANGUAGE sql STABLE
    RETURN nullif(current_setting('app.statement_month', true), '')::date;
COMMENT ON FUNCTION own_statement_month IS 'The month whose statement an organisation reads in this transaction, or nothing';

-- A sealed BSN goes back to the organisation that sent it, in the statement of its own lines of one month, and to nobody who acts for
-- it. Everybody whom a line names is a person here, known to TVS or not: that a person is found says nothing.
CREATE POLICY person_of_statement ON person FOR SELECT TO kot_organisation USING (
    own_vendor() IS NULL AND person_id IN (
        SELECT named.person_id
        FROM line
        CROSS JOIN LATERAL (VALUES (line.parent_id), (line.child_id)) AS named (person_id)
        WHERE line.organisation_id = own_organisation() AND line.month = own_statement_month()
            AND line.outcome IN ('applied', 'unchanged', 'parked')
    )
);
GRANT SELECT (person_id, bsn_index, bsn_sealed) ON person TO kot_organisation;
GRANT SELECT (parent_id, child_id) ON line TO kot_organisation;

-- What was expected of whom: a pilot manager counts lines and deliveries of organisations, and sees no line and nobody in one.
CREATE POLICY line_of_pilot ON line FOR SELECT TO kot_pilot USING (true);
CREATE POLICY delivery_of_pilot ON delivery FOR SELECT TO kot_pilot USING (true);
CREATE POLICY completeness_of_pilot ON completeness FOR SELECT TO kot_pilot USING (true);
CREATE POLICY mandate_of_pilot ON mandate FOR SELECT TO kot_pilot USING (true);
GRANT SELECT ON organisation, location, location_holding TO kot_pilot;
GRANT SELECT (organisation_id, lrk_number, month, outcome, superseded_at) ON line TO kot_pilot;
GRANT SELECT (organisation_id, state, received_at) ON delivery TO kot_pilot;
GRANT SELECT (organisation_id, lrk_number, month, superseded_at) ON completeness TO kot_pilot;
GRANT SELECT (organisation_id, vendor_oin, from_on, until_on, superseded_at) ON mandate TO kot_pilot;

-- A receipt is final: it keeps the counts of the moment at which the last line had its outcome, whatever a parked line becomes later.
ALTER TABLE delivery ADD COLUMN receipt_counts jsonb;
ALTER TABLE delivery NO FORCE ROW LEVEL SECURITY;
UPDATE delivery
SET receipt_counts = jsonb_build_object(
    'received', lines_read, 'applied', applied_count, 'unchanged', unchanged_count, 'superseded', superseded_count,
    'parked', parked_count, 'rejected', rejected_count
)
WHERE state IN ('applied', 'withdrawing', 'withdrawing-lines', 'withdrawn') AND duplicate_of IS NULL;
ALTER TABLE delivery FORCE ROW LEVEL SECURITY;
COMMENT ON COLUMN delivery.receipt_counts IS 'Lines by outcome when the last one had its outcome, for the receipt; empty until then, when unreadable, and of a duplicate';
