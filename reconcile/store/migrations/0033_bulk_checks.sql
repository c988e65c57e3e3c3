-- migrate:up
-- Deliveries at the speed of the database, again: what hangs together is checked once a statement, and a touched row stays where it is.

-- A foreign key looks its row up, and locks it, for every row that is added: a quarter of the work of a delivery, whose lines all name
-- one delivery and whose reports name each placement several times. The same is checked here once for each key of a statement. Nothing
-- is locked: a placement is never removed, and a delivery only while it has no line. No login may change a key.
ALTER TABLE line DROP CONSTRAINT line_delivery_fkey;
ALTER TABLE reported_hours DROP CONSTRAINT reported_hours_placement_fkey;

CREATE FUNCTION check_deliveries_of_lines() RETURNS trigger LANGUAGE plpgsql SET search_path = kot, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT organisation_id, delivery_id FROM added) AS named
        WHERE (SELECT delivery_id FROM delivery WHERE (organisation_id, delivery_id) = (named.organisation_id, named.delivery_id)) IS NULL
    ) THEN
        RAISE EXCEPTION 'a line names a delivery that does not exist' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION check_deliveries_of_lines IS 'Every line belongs to a delivery';
CREATE TRIGGER line_has_delivery AFTER INSERT ON line
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION check_deliveries_of_lines();

CREATE FUNCTION check_placements_of_reports() RETURNS trigger LANGUAGE plpgsql SET search_path = kot, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT household_id, placement_id FROM added) AS named
        WHERE (SELECT placement_id FROM placement WHERE (household_id, placement_id) = (named.household_id, named.placement_id)) IS NULL
    ) THEN
        RAISE EXCEPTION 'a report names a placement that does not exist' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION check_placements_of_reports IS 'Every report belongs to a placement';
CREATE TRIGGER reported_hours_has_placement AFTER INSERT ON reported_hours
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION check_placements_of_reports();

-- The other half of a foreign key: what is named is not removed.
CREATE FUNCTION keep_deliveries_with_lines() RETURNS trigger LANGUAGE plpgsql SET search_path = kot, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM line WHERE (organisation_id, delivery_id) = (OLD.organisation_id, OLD.delivery_id)) THEN
        RAISE EXCEPTION 'a delivery with lines is never removed' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN OLD;
END
$$;
COMMENT ON FUNCTION keep_deliveries_with_lines IS 'A delivery that has lines stays';
CREATE TRIGGER delivery_with_lines_stays BEFORE DELETE ON delivery FOR EACH ROW EXECUTE FUNCTION keep_deliveries_with_lines();

CREATE FUNCTION keep_placements_with_reports() RETURNS trigger LANGUAGE plpgsql SET search_path = kot, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM reported_hours WHERE (household_id, placement_id) = (OLD.household_id, OLD.placement_id)) THEN
        RAISE EXCEPTION 'a placement with reports is never removed' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN OLD;
END
$$;
COMMENT ON FUNCTION keep_placements_with_reports IS 'A placement that has reports stays';
CREATE TRIGGER placement_with_reports_stays BEFORE DELETE ON placement FOR EACH ROW EXECUTE FUNCTION keep_placements_with_reports();

-- A household has a handful of placements, found by its own key: an index by version served nothing, and made every raised version
-- move the row in all its indexes. With room on its page a row that is touched stays there.
DROP INDEX placement_by_version;
ALTER TABLE placement SET (fillfactor = 80);
ALTER TABLE household SET (fillfactor = 80);
