-- migrate:up
-- The register: organisations, locations and who holds which from when until when. Reference data, the same for everybody.

CREATE TABLE organisation (
    organisation_id uuid NOT NULL DEFAULT gen_random_uuid(),
    oin text NOT NULL,
    kvk_number text NOT NULL,
    name text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    CONSTRAINT organisation_pkey PRIMARY KEY (organisation_id),
    CONSTRAINT organisation_oin_unique UNIQUE (oin),
    CONSTRAINT organisation_kvk_number_unique UNIQUE (kvk_number),
    CONSTRAINT organisation_oin_form CHECK (oin ~ '^[0-9A-Za-z]{20}$'),
    CONSTRAINT organisation_kvk_number_form CHECK (kvk_number ~ '^[0-9]{8}$')
);
COMMENT ON TABLE organisation IS 'A childcare organisation (kinderopvangorganisatie): the holder of locations';
COMMENT ON COLUMN organisation.organisation_id IS 'Our own number of the organisation';
COMMENT ON COLUMN organisation.oin IS 'Organisation identification number, as its access tokens name it';
COMMENT ON COLUMN organisation.kvk_number IS 'Number in the trade register';
COMMENT ON COLUMN organisation.name IS 'Name of the holder in the LRK';
COMMENT ON COLUMN organisation.recorded_at IS 'When the organisation was first seen in the register';

CREATE TABLE location (
    lrk_number text NOT NULL,
    care_type text NOT NULL,
    name text NOT NULL,
    registered_on date NOT NULL,
    deregistered_on date,
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    CONSTRAINT location_pkey PRIMARY KEY (lrk_number),
    CONSTRAINT location_lrk_number_form CHECK (lrk_number ~ '^[0-9]{9}$'),
    CONSTRAINT location_care_type_known CHECK (care_type IN ('KDV', 'BSO', 'VGO')),
    CONSTRAINT location_dates_in_order CHECK (deregistered_on >= registered_on)
);
COMMENT ON TABLE location IS 'One registration in the LRK (opvanglocatie): one care type at one address';
COMMENT ON COLUMN location.lrk_number IS 'LRK number, nine digits';
COMMENT ON COLUMN location.care_type IS 'KDV day care, BSO after-school care, VGO childminder';
COMMENT ON COLUMN location.name IS 'Name of the location in the LRK';
COMMENT ON COLUMN location.registered_on IS 'Day of registration: no entitlement before it';
COMMENT ON COLUMN location.deregistered_on IS 'Day since which the LRK no longer lists it as registered';
COMMENT ON COLUMN location.recorded_at IS 'When the location was first seen in the register';

CREATE TABLE location_holding (
    lrk_number text NOT NULL,
    organisation_id uuid NOT NULL,
    from_on date NOT NULL,
    until_on date,
    CONSTRAINT location_holding_pkey PRIMARY KEY (lrk_number, organisation_id, from_on),
    CONSTRAINT location_holding_location_fkey FOREIGN KEY (lrk_number) REFERENCES location,
    CONSTRAINT location_holding_organisation_fkey FOREIGN KEY (organisation_id) REFERENCES organisation,
    CONSTRAINT location_holding_dates_in_order CHECK (until_on >= from_on),
    CONSTRAINT location_holding_once EXCLUDE USING gist (
        lrk_number WITH =, organisation_id WITH =, daterange(from_on, until_on, '[]') WITH &&
    )
);
COMMENT ON TABLE location_holding IS 'Which organisation may report for a location in a period; an agency holds its childminders';
COMMENT ON COLUMN location_holding.lrk_number IS 'The location';
COMMENT ON COLUMN location_holding.organisation_id IS 'Its holder, or the agency of a childminder';
COMMENT ON COLUMN location_holding.from_on IS 'First day';
COMMENT ON COLUMN location_holding.until_on IS 'Last day, empty while it lasts';
CREATE INDEX location_holding_by_organisation ON location_holding (organisation_id);

CREATE TABLE register_import (
    content_sha256 bytea NOT NULL,
    as_of date NOT NULL,
    location_count integer NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    CONSTRAINT register_import_pkey PRIMARY KEY (content_sha256, as_of)
);
COMMENT ON TABLE register_import IS 'A snapshot of the LRK that was read: the file holds the present, so its date matters';
COMMENT ON COLUMN register_import.content_sha256 IS 'SHA-256 of the file';
COMMENT ON COLUMN register_import.as_of IS 'Day that the file describes';
COMMENT ON COLUMN register_import.location_count IS 'Locations in the file';
COMMENT ON COLUMN register_import.recorded_at IS 'When it was read';

GRANT SELECT ON organisation, location, location_holding TO kot_parent, kot_organisation, kot_tvs, kot_intake, kot_forward;
