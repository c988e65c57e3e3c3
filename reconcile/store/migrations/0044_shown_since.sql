-- migrate:up
-- A household that postpones a difference still looks at the same one: what it saw before may be answered (ADR 0042).
ALTER TABLE difference ADD COLUMN shown_since bigint;
ALTER TABLE difference NO FORCE ROW LEVEL SECURITY;
UPDATE difference SET shown_since = version;
ALTER TABLE difference FORCE ROW LEVEL SECURITY;
ALTER TABLE difference
    ALTER COLUMN shown_since SET NOT NULL,
    ADD CONSTRAINT difference_shown_since_before CHECK (shown_since <= version);
COMMENT ON COLUMN difference.shown_since IS 'The first version that showed what it shows now: later ones tell only that it was postponed, or no more';
-- What opens again after an answer did not stand, and what a declaration renames, is shown anew.
GRANT UPDATE (shown_since) ON difference TO kot_parent, kot_tvs;
