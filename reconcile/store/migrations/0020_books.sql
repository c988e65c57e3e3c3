-- migrate:up
-- What an organisation can hold its books against: its lines by month, the BSNs that it sent, what was expected, and its receipts.

-- Lines that stand or wait, by month and location, also those that stood at an earlier instant; enough to count them without the table.
CREATE INDEX line_by_month ON line (organisation_id, month, lrk_number, delivery_id, line_number) INCLUDE (superseded_at)
    WHERE outcome IN ('applied', 'unchanged', 'parked');

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
