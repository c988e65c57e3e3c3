-- migrate:up
-- A parent may want to be told again on a phone of what was postponed, and of nothing else.
ALTER TABLE device
    DROP CONSTRAINT device_wanted_notices_known,
    ADD CONSTRAINT device_wanted_notices_known CHECK (wanted_notices <@ ARRAY['difference-new', 'difference-changed', 'difference-again']);
