-- migrate:up
-- A parent who says other quiet hours moves what waits for the end of those of before. What ended stays as it ended: no login of a parent
-- opens it again.
DROP POLICY outbox_parent_cancels ON outbox;
CREATE POLICY outbox_parent_cancels_or_moves ON outbox AS RESTRICTIVE FOR UPDATE TO kot_parent
    USING (CASE kind WHEN 'push' THEN state = 'open' ELSE attempts = 0 OR state = 'dead' END)
    WITH CHECK (state = 'cancelled' OR (kind = 'push' AND state = 'open'));
GRANT UPDATE (due_at) ON outbox TO kot_parent;
