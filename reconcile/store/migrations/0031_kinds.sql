-- migrate:up
-- Moves and circumstances: what is kept of differences and changes gets the published form of today (ADR 0025), and judging may read
-- what was taken over before.

ALTER TABLE difference NO FORCE ROW LEVEL SECURITY;
ALTER TABLE difference_version NO FORCE ROW LEVEL SECURITY;
ALTER TABLE change NO FORCE ROW LEVEL SECURITY;

UPDATE difference
SET explanation = explanation - 'remarks' || jsonb_build_object(
    'movedFrom', NULL, 'beginsIn', NULL, 'reportBy', NULL, 'acceptedBefore', '[]'::jsonb,
    'circumstances', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('code', remark, 'months', '[]'::jsonb, 'hours', NULL, 'limit', NULL, 'day', NULL)), '[]')
        FROM jsonb_array_elements_text(explanation -> 'remarks') AS remark
    )
);

UPDATE difference_version
SET explanation = explanation - 'remarks' || jsonb_build_object(
    'movedFrom', NULL, 'beginsIn', NULL, 'reportBy', NULL, 'acceptedBefore', '[]'::jsonb,
    'circumstances', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('code', remark, 'months', '[]'::jsonb, 'hours', NULL, 'limit', NULL, 'day', NULL)), '[]')
        FROM jsonb_array_elements_text(explanation -> 'remarks') AS remark
    )
);

-- From which month a proposal stood was not kept: null says that its segments are all that is known.
UPDATE difference
SET proposal = jsonb_set(proposal, '{placements}', (
    SELECT jsonb_agg('{"hoursStandingFrom": null, "rateStandingFrom": null}' || proposed)
    FROM jsonb_array_elements(proposal -> 'placements') AS proposed
))
WHERE proposal IS NOT NULL;

UPDATE difference_version
SET proposal = jsonb_set(proposal, '{placements}', (
    SELECT jsonb_agg('{"hoursStandingFrom": null, "rateStandingFrom": null}' || proposed)
    FROM jsonb_array_elements(proposal -> 'placements') AS proposed
))
WHERE proposal IS NOT NULL;

UPDATE change
SET placements = (
    SELECT jsonb_agg('{"hoursStandingFrom": null, "rateStandingFrom": null}' || proposed)
    FROM jsonb_array_elements(placements) AS proposed
);

ALTER TABLE difference FORCE ROW LEVEL SECURITY;
ALTER TABLE difference_version FORCE ROW LEVEL SECURITY;
ALTER TABLE change FORCE ROW LEVEL SECURITY;

CREATE POLICY acceptance_of_intake ON acceptance FOR SELECT TO kot_intake USING (true);
CREATE POLICY change_of_intake ON change FOR SELECT TO kot_intake USING (true);
GRANT SELECT ON acceptance, change TO kot_intake;
