-- migrate:up
-- Software vendors: whoever sends for an organisation has its mandate, given by the organisation itself. A delivery knows who sent it.

CREATE TABLE mandate (
    organisation_id uuid NOT NULL,
    vendor_oin text NOT NULL,
    from_on date NOT NULL,
    until_on date,
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    superseded_at timestamptz,
    CONSTRAINT mandate_pkey PRIMARY KEY (organisation_id, vendor_oin, recorded_at),
    CONSTRAINT mandate_organisation_fkey FOREIGN KEY (organisation_id) REFERENCES organisation,
    CONSTRAINT mandate_vendor_oin_form CHECK (vendor_oin ~ '^[0-9A-Za-z]{20}$'),
    CONSTRAINT mandate_dates_in_order CHECK (until_on >= from_on)
);
COMMENT ON TABLE mandate IS 'That a software vendor may deliver for an organisation (machtiging); every version is kept, one is current for each pair';
COMMENT ON COLUMN mandate.organisation_id IS 'Who gave it';
COMMENT ON COLUMN mandate.vendor_oin IS 'Who may send: the OIN of its access tokens; it need not be in the register';
COMMENT ON COLUMN mandate.from_on IS 'First day, in the Netherlands';
COMMENT ON COLUMN mandate.until_on IS 'Last day, empty while it lasts';
COMMENT ON COLUMN mandate.recorded_at IS 'Known since';
COMMENT ON COLUMN mandate.superseded_at IS 'Known until, empty while it is current';
CREATE UNIQUE INDEX mandate_one_current ON mandate (organisation_id, vendor_oin) WHERE superseded_at IS NULL;
CREATE INDEX mandate_by_vendor ON mandate (vendor_oin) WHERE superseded_at IS NULL;

ALTER TABLE delivery ADD COLUMN sender_oin text;
ALTER TABLE delivery NO FORCE ROW LEVEL SECURITY;
UPDATE delivery SET sender_oin = (SELECT oin FROM organisation WHERE organisation.organisation_id = delivery.organisation_id);
ALTER TABLE delivery FORCE ROW LEVEL SECURITY;
ALTER TABLE delivery ALTER COLUMN sender_oin SET NOT NULL;
ALTER TABLE delivery ADD CONSTRAINT delivery_sender_oin_form CHECK (sender_oin ~ '^[0-9A-Za-z]{20}$');
COMMENT ON COLUMN delivery.sender_oin IS 'Who sent it: the organisation itself, or a vendor that had its mandate';
-- For whom a delivery is, is known before its first byte is kept; a file that says otherwise is unreadable.
ALTER TABLE delivery DROP COLUMN declared_organisation_oin;

-- A reference and a content are known to their sender alone, so that nobody learns what another one sent.
DROP INDEX delivery_reference_once;
DROP INDEX delivery_content_once;
CREATE UNIQUE INDEX delivery_reference_once ON delivery (organisation_id, sender_oin, reference) WHERE state <> 'arriving';
CREATE UNIQUE INDEX delivery_content_once ON delivery (organisation_id, sender_oin, content_sha256)
    WHERE state NOT IN ('arriving', 'withdrawing', 'withdrawn') AND duplicate_of IS NULL;
CREATE INDEX delivery_by_sender ON delivery (sender_oin, organisation_id);

CREATE FUNCTION own_vendor() RETURNS text LANGUAGE sql STABLE
    RETURN nullif(current_setting('app.vendor_oin', true), '');
COMMENT ON FUNCTION own_vendor IS 'The OIN of who acts for an organisation, or for nobody yet; nothing when the organisation acts itself';

ALTER TABLE mandate ENABLE ROW LEVEL SECURITY;
ALTER TABLE mandate FORCE ROW LEVEL SECURITY;
-- The organisation alone gives and ends its mandates; a vendor reads those that it has.
CREATE POLICY mandate_of_organisation ON mandate TO kot_organisation
    USING (organisation_id = own_organisation() AND own_vendor() IS NULL)
    WITH CHECK (organisation_id = own_organisation() AND own_vendor() IS NULL);
CREATE POLICY mandate_of_vendor ON mandate FOR SELECT TO kot_organisation USING (vendor_oin = own_vendor());
GRANT SELECT, INSERT, UPDATE (superseded_at) ON mandate TO kot_organisation;

CREATE FUNCTION is_mandated(by_organisation uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
SELECT EXISTS (
    SELECT FROM mandate
    WHERE mandate.organisation_id = by_organisation AND mandate.vendor_oin = own_vendor() AND mandate.superseded_at IS NULL
        AND mandate.from_on <= (now() AT TIME ZONE 'Europe/Amsterdam')::date
        AND (mandate.until_on IS NULL OR mandate.until_on >= (now() AT TIME ZONE 'Europe/Amsterdam')::date)
)
$$;
COMMENT ON FUNCTION is_mandated IS 'Whether the vendor who acts in this transaction has the mandate of an organisation today';

-- What a vendor sees and touches is what it sent itself, while the mandate lasts. An organisation sees everything that is its own.
CREATE POLICY delivery_of_sender ON delivery AS RESTRICTIVE TO kot_organisation
    USING (own_vendor() IS NULL OR (sender_oin = own_vendor() AND is_mandated(organisation_id)))
    WITH CHECK (own_vendor() IS NULL OR (sender_oin = own_vendor() AND is_mandated(organisation_id)));
CREATE POLICY delivery_chunk_of_sender ON delivery_chunk AS RESTRICTIVE TO kot_organisation
    USING (own_vendor() IS NULL OR (organisation_id, delivery_id) IN (SELECT delivery.organisation_id, delivery.delivery_id FROM delivery))
    WITH CHECK (
        own_vendor() IS NULL OR EXISTS (
            SELECT FROM delivery
            WHERE delivery.organisation_id = delivery_chunk.organisation_id AND delivery.delivery_id = delivery_chunk.delivery_id
        )
    );
CREATE POLICY line_of_sender ON line AS RESTRICTIVE TO kot_organisation
    USING (own_vendor() IS NULL OR (organisation_id, delivery_id) IN (SELECT delivery.organisation_id, delivery.delivery_id FROM delivery));
CREATE POLICY completeness_of_sender ON completeness AS RESTRICTIVE TO kot_organisation
    USING (own_vendor() IS NULL OR (organisation_id, delivery_id) IN (SELECT delivery.organisation_id, delivery.delivery_id FROM delivery));
CREATE POLICY withdrawal_of_sender ON withdrawal AS RESTRICTIVE TO kot_organisation
    USING (own_vendor() IS NULL OR (organisation_id, delivery_id) IN (SELECT delivery.organisation_id, delivery.delivery_id FROM delivery))
    WITH CHECK (
        own_vendor() IS NULL OR EXISTS (
            SELECT FROM delivery
            WHERE delivery.organisation_id = withdrawal.organisation_id AND delivery.delivery_id = withdrawal.delivery_id
        )
    );
-- Across its organisations a vendor acts for none of them, and reads the same: what it sent, for those whose mandate it has.
CREATE POLICY delivery_of_vendor ON delivery FOR SELECT TO kot_organisation
    USING (own_organisation() IS NULL AND sender_oin = own_vendor());
CREATE POLICY line_of_vendor ON line FOR SELECT TO kot_organisation USING (own_organisation() IS NULL AND own_vendor() IS NOT NULL);
CREATE POLICY completeness_of_vendor ON completeness FOR SELECT TO kot_organisation
    USING (own_organisation() IS NULL AND own_vendor() IS NOT NULL);
GRANT SELECT ON completeness TO kot_organisation;
