-- migrate:up
-- Which notices a parent wants on a phone. Looked at when a push is claimed, as quiet hours are: the newest word counts.

ALTER TABLE device
    ADD COLUMN wanted_notices text[],
    ADD CONSTRAINT device_wanted_notices_known CHECK (wanted_notices <@ ARRAY['difference-new', 'difference-changed']);
COMMENT ON COLUMN device.wanted_notices IS 'Sentences of the notices that are pushed to it, none when empty; null: all of them, also those to come';
GRANT UPDATE (wanted_notices) ON device TO kot_parent;
