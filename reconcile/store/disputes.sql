-- Lines that a parent says are wrong, passed on to the organisations that sent them.

-- name: pass_on_lines
-- Each line goes to the organisation that sent it, which the household's own reports say.
INSERT INTO disputed_line (organisation_id, delivery_id, line_number, answer_id, reason, note)
SELECT DISTINCT reported.organisation_id, reported.delivery_id, reported.line_number, $2::uuid, $3, $4
FROM unnest($5::uuid[], $6::integer[]) AS source (delivery_id, line_number)
JOIN reported_hours AS reported
    ON reported.household_id = $1 AND reported.delivery_id = source.delivery_id AND reported.line_number = source.line_number
ON CONFLICT (organisation_id, delivery_id, line_number, answer_id) DO UPDATE
SET reason = excluded.reason, note = excluded.note, changed_at = statement_timestamp(), taken_back_at = NULL;

-- name: take_lines_back
UPDATE disputed_line
SET taken_back_at = statement_timestamp(), changed_at = statement_timestamp(), note = NULL
WHERE answer_id = $1 AND taken_back_at IS NULL;

-- name: disputed_lines
-- Changed last first; $2 and $3 are the last row of the page before.
SELECT disputed.disputed_line_id, disputed.delivery_id, disputed.line_number, line.line_ref, to_char(line.month, 'YYYY-MM') AS month,
    line.lrk_number, disputed.reason, disputed.note, disputed.disputed_at, disputed.changed_at, disputed.taken_back_at
FROM disputed_line AS disputed
JOIN line USING (organisation_id, delivery_id, line_number)
WHERE disputed.organisation_id = $1
    AND ($2::timestamptz IS NULL OR (disputed.changed_at, disputed.disputed_line_id) < ($2::timestamptz, $3::uuid))
ORDER BY disputed.changed_at DESC, disputed.disputed_line_id DESC
LIMIT $4;
