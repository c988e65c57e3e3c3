-- migrate:up
-- A third format of deliveries: one JSON object on each line.

ALTER TABLE delivery DROP CONSTRAINT delivery_format_known;
ALTER TABLE delivery ADD CONSTRAINT delivery_format_known CHECK (format IN ('json', 'ndjson', 'csv'));
COMMENT ON COLUMN delivery.format IS 'json, ndjson or csv';
COMMENT ON COLUMN line.line_number IS
    'CSV: line of the file, the heading is 1. NDJSON: line of the file, the envelope is 1. JSON: place in lines, from 1';
