-- What is held of a household, for its own parents: at a glance, and row by row. JSON where it is read, in the forms of api/household.py.

-- name: household_overview
-- One document; $2 is whose phones are shown, $3 how many answers and lookings are told, the newest first.
SELECT row_to_json(document)::text
FROM (
    SELECT household.household_ref AS "householdRef", household.version, instant_text(statement_timestamp()) AS "asOf",
        (
            SELECT coalesce(json_agg(json_build_object(
                'personId', member.person_id, 'role', member.role, 'givenName', member.given_name,
                'from', to_char(member.from_month, 'YYYY-MM'), 'until', to_char(member.until_month, 'YYYY-MM')
            ) ORDER BY array_position(ARRAY['applicant', 'partner', 'child'], member.role), member.given_name, member.person_id), '[]')
            FROM membership AS member
            WHERE member.household_id = household.household_id AND member.superseded_at IS NULL
        ) AS "members",
        (
            SELECT coalesce(json_agg(json_build_object(
                'placementId', placement.placement_id, 'childId', placement.child_id, 'childGivenName', (
                    SELECT membership.given_name
                    FROM membership
                    WHERE membership.household_id = placement.household_id AND membership.person_id = placement.child_id
                    ORDER BY membership.superseded_at DESC NULLS FIRST, membership.from_month DESC
                    LIMIT 1
                ),
                'location', json_build_object('lrkNumber', placement.lrk_number, 'careType', location.care_type, 'name', location.name),
                'startDate', stated.start_on, 'endDate', stated.end_on,
                'declared', (
                    SELECT coalesce(json_agg(json_build_object(
                        'from', to_char(segment.from_month, 'YYYY-MM'), 'until', to_char(segment.until_month, 'YYYY-MM'),
                        'hours', decimal_text(segment.hours_hundredths), 'hourlyRate', decimal_text(segment.hourly_rate_cents)
                    ) ORDER BY segment.from_month), '[]')
                    FROM declared_segment AS segment
                    WHERE segment.household_id = placement.household_id AND segment.placement_id = placement.placement_id
                        AND segment.superseded_at IS NULL
                ),
                'accepted', (
                    SELECT coalesce(json_agg(json_build_object(
                        'from', to_char(segment.from_month, 'YYYY-MM'), 'until', to_char(segment.until_month, 'YYYY-MM'),
                        'hours', decimal_text(segment.hours_hundredths), 'hourlyRate', decimal_text(segment.hourly_rate_cents)
                    ) ORDER BY segment.from_month), '[]')
                    FROM overlay_segment AS segment
                    WHERE segment.household_id = placement.household_id AND segment.placement_id = placement.placement_id
                        AND segment.superseded_at IS NULL
                )
            ) ORDER BY placement.recorded_at, placement.placement_id), '[]')
            FROM placement
            JOIN location USING (lrk_number)
            LEFT JOIN declared_placement AS stated
                ON stated.household_id = placement.household_id AND stated.placement_id = placement.placement_id
                AND stated.superseded_at IS NULL
            WHERE placement.household_id = household.household_id AND NOT placement.deleted
        ) AS "placements",
        (
            SELECT coalesce(json_agg(json_build_object(
                'differenceId', shown.difference_id, 'version', shown.version, 'kind', shown.kind, 'year', shown.year,
                'childId', shown.child_id, 'childGivenName', shown.child_given_name, 'hasTap', shown.proposal IS NOT NULL,
                'title', CASE WHEN shown.texts IS NOT NULL THEN
                    json_build_object('nl', shown.texts #>> '{nl,title}', 'en', shown.texts #>> '{en,title}') END
            ) ORDER BY shown.opened_at DESC, shown.difference_id), '[]')
            FROM shown_difference AS shown
            WHERE shown.household_id = household.household_id AND shown.state = 'open'
        ) AS "openDifferences",
        (
            SELECT coalesce(json_agg(json_build_object(
                'changeId', change.change_id, 'state', change.state, 'recordedAt', instant_text(change.recorded_at),
                'sentAt', instant_text(change.sent_at)
            ) ORDER BY change.sequence), '[]')
            FROM change
            WHERE change.household_id = household.household_id AND change.state IN ('staged', 'sent', 'dead')
        ) AS "changesUnderway",
        (
            SELECT coalesce(json_agg(document), '[]')
            FROM (
                SELECT shown.answer_id AS "answerId", shown.kind, shown.state, shown.difference_id AS "differenceId",
                    shown.difference_version AS "differenceVersion", shown.answered_by AS "answeredBy",
                    instant_text(shown.answered_at) AS "answeredAt", shown.until_on AS "until", shown.change_id AS "changeId"
                FROM shown_answer AS shown
                WHERE shown.household_id = household.household_id AND NOT shown.deleted
                ORDER BY shown.answered_at DESC, shown.answer_id
                LIMIT $3
            ) AS document
        ) AS "answers",
        (
            SELECT coalesce(json_agg(json_build_object(
                'deviceId', device.device_id, 'platform', device.platform, 'locale', device.locale,
                'quietHours', CASE WHEN device.quiet_from IS NOT NULL THEN
                    json_build_object('from', to_char(device.quiet_from, 'HH24:MI'), 'until', to_char(device.quiet_until, 'HH24:MI')) END,
                'notices', to_json(device.wanted_notices), 'registeredAt', instant_text(device.registered_at)
            ) ORDER BY device.registered_at DESC), '[]')
            FROM device
            WHERE device.household_id = household.household_id AND device.person_id = $2 AND device.retired_at IS NULL
        ) AS "devices",
        (
            SELECT json_build_object('areOn', coalesce(bool_or(stage.state = 'released'), false), 'pilot', min(pilot.name),
                'stageNumber', min(stage.stage_number), 'stageState', min(stage.state))
            FROM enrolment
            JOIN stage USING (pilot_id, stage_number)
            JOIN pilot USING (pilot_id)
            WHERE enrolment.household_id = household.household_id
        ) AS "notices",
        (
            SELECT coalesce(json_agg(document), '[]')
            FROM (
                SELECT instant_text(link.recorded_at) AS "lookedAt", link.event ->> 'action' AS "action", actor_kind(link.event) AS "who",
                    person_of(link.event) AS "personId",
                    link.event ->> 'differenceId' AS "differenceId", link.event ->> 'changeId' AS "changeId"
                FROM household_audit AS link
                WHERE link.household_id = household.household_id AND is_reading(link.event)
                ORDER BY link.number DESC
                LIMIT $3
            ) AS document
        ) AS "lookedAt"
    FROM household
    WHERE household.household_id = $1
) AS document;

-- name: rows_of_household
-- Every row of every table that is the household's, table by table in this order, oldest first; $2 is whose phones are shown. What is left
-- out, and why, stands in WITHHELD of reconcile/disclose.py: a test holds both beside the catalogue.
SELECT section, document
FROM (
    SELECT 1 AS place, 'household' AS section, 1::bigint AS position, json_build_object('householdRef', household_ref, 'version', version,
        'declarationVersion', declaration_version, 'declaredAt', instant_text(declared_at), 'deleted', deleted,
        'recordedAt', instant_text(recorded_at))::text AS document
    FROM household
    WHERE household_id = $1
    UNION ALL
    SELECT 2, 'members', row_number() OVER (ORDER BY recorded_at, from_month, membership_id), json_build_object('personId', person_id,
        'personRef', person_ref, 'role', role, 'givenName', given_name, 'birthDate', birth_date, 'from', to_char(from_month, 'YYYY-MM'),
        'until', to_char(until_month, 'YYYY-MM'), 'recordedAt', instant_text(recorded_at),
        'supersededAt', instant_text(superseded_at))::text
    FROM membership
    WHERE household_id = $1
    UNION ALL
    SELECT 3, 'incomes', row_number() OVER (ORDER BY year, recorded_at), json_build_object('year', year, 'amountEuro', amount_euro,
        'recordedAt', instant_text(recorded_at), 'supersededAt', instant_text(superseded_at))::text
    FROM income
    WHERE household_id = $1
    UNION ALL
    SELECT 4, 'awardedYears', row_number() OVER (ORDER BY year, recorded_at), json_build_object('year', year,
        'recordedAt', instant_text(recorded_at), 'supersededAt', instant_text(superseded_at))::text
    FROM awarded_year
    WHERE household_id = $1
    UNION ALL
    SELECT 5, 'declarations', row_number() OVER (ORDER BY declaration_version), json_build_object('declarationVersion', declaration_version,
        'recordedAt', instant_text(recorded_at))::text
    FROM declaration
    WHERE household_id = $1
    UNION ALL
    SELECT 6, 'placements', row_number() OVER (ORDER BY placement.recorded_at, placement_id), json_build_object('placementId', placement_id,
        'childId', child_id, 'lrkNumber', lrk_number, 'careType', location.care_type, 'locationName', location.name, 'version', version,
        'deleted', deleted, 'recordedAt', instant_text(placement.recorded_at))::text
    FROM placement
    JOIN location USING (lrk_number)
    WHERE household_id = $1
    UNION ALL
    SELECT 7, 'declaredPlacements', row_number() OVER (ORDER BY recorded_at, placement_id), json_build_object('placementId', placement_id,
        'startOn', start_on, 'endOn', end_on, 'recordedAt', instant_text(recorded_at), 'supersededAt', instant_text(superseded_at))::text
    FROM declared_placement
    WHERE household_id = $1
    UNION ALL
    SELECT 8, 'declaredSegments', row_number() OVER (ORDER BY recorded_at, placement_id, from_month), json_build_object(
        'placementId', placement_id, 'from', to_char(from_month, 'YYYY-MM'), 'until', to_char(until_month, 'YYYY-MM'),
        'hours', decimal_text(hours_hundredths), 'hourlyRate', decimal_text(hourly_rate_cents),
        'recordedAt', instant_text(recorded_at), 'supersededAt', instant_text(superseded_at))::text
    FROM declared_segment
    WHERE household_id = $1
    UNION ALL
    SELECT 9, 'acceptedSegments', row_number() OVER (ORDER BY recorded_at, placement_id, from_month), json_build_object(
        'placementId', placement_id, 'changeId', change_id, 'from', to_char(from_month, 'YYYY-MM'),
        'until', to_char(until_month, 'YYYY-MM'), 'hours', decimal_text(hours_hundredths), 'hourlyRate', decimal_text(hourly_rate_cents),
        'recordedAt', instant_text(recorded_at), 'supersededAt', instant_text(superseded_at))::text
    FROM overlay_segment
    WHERE household_id = $1
    UNION ALL
    SELECT 10, 'reportedHours', row_number() OVER (ORDER BY month, placement_id, reported.recorded_at), json_build_object(
        'placementId', placement_id, 'month', to_char(month, 'YYYY-MM'), 'organisationName', organisation.name,
        'deliveryId', delivery_id, 'lineNumber', line_number, 'hours', decimal_text(hours_hundredths),
        'hourlyRate', decimal_text(hourly_rate_cents), 'endOn', end_on, 'sentAt', instant_text(sent_at),
        'receivedAt', instant_text(received_at), 'recordedAt', instant_text(reported.recorded_at),
        'supersededAt', instant_text(superseded_at))::text
    FROM reported_hours AS reported
    JOIN organisation USING (organisation_id)
    WHERE household_id = $1
    UNION ALL
    SELECT 11, 'differences', row_number() OVER (ORDER BY opened_at, difference_id), json_build_object('differenceId', difference_id,
        'version', version, 'shownSince', shown_since, 'deleted', deleted, 'childId', child_id, 'year', year, 'kind', kind, 'state', state,
        'proposal', proposal, 'route', route, 'explanation', explanation, 'effect', effect, 'rulesVersion', rules_version,
        'judgedAt', instant_text(judged_at), 'factsAt', instant_text(facts_at), 'openedAt', instant_text(opened_at),
        'closedAt', instant_text(closed_at), 'weight', round(weight_cents / 100.0, 2)::text, 'isWorthTelling', is_worth_telling,
        'texts', texts, 'textVersion', text_version)::text
    FROM difference
    WHERE household_id = $1
    UNION ALL
    SELECT 12, 'differencePlacements', row_number() OVER (ORDER BY year, difference_id, placement_id), json_build_object(
        'differenceId', difference_id, 'placementId', placement_id, 'year', year, 'isOpen', is_open)::text
    FROM difference_placement
    WHERE household_id = $1
    UNION ALL
    SELECT 13, 'differenceVersions', row_number() OVER (ORDER BY version, difference_id), json_build_object('differenceId', difference_id,
        'version', version, 'kind', kind, 'state', state, 'proposal', proposal, 'route', route, 'explanation', explanation,
        'effect', effect, 'rulesVersion', rules_version, 'judgedAt', instant_text(judged_at), 'factsAt', instant_text(facts_at),
        'recordedAt', instant_text(recorded_at), 'texts', texts, 'textVersion', text_version)::text
    FROM difference_version
    WHERE household_id = $1
    UNION ALL
    SELECT 14, 'comparisonsDue', row_number() OVER (ORDER BY year, child_id), json_build_object('childId', child_id, 'year', year,
        'markedAt', instant_text(marked_at), 'dueAt', instant_text(due_at), 'attempts', attempts, 'lastError', last_error)::text
    FROM comparison_due
    WHERE household_id = $1
    UNION ALL
    SELECT 15, 'answers', row_number() OVER (ORDER BY answered_at, answer_id), json_build_object('answerId', answer_id, 'kind', kind,
        'version', version, 'deleted', deleted, 'differenceId', difference_id, 'differenceVersion', difference_version,
        'personId', person_id, 'changeId', change_id, 'undoneChangeId', undone_change_id, 'reason', reason, 'note', note,
        'isPassedOn', is_passed_on, 'untilOn', until_on, 'answeredAt', instant_text(answered_at), 'endedAt', instant_text(ended_at))::text
    FROM answer
    WHERE household_id = $1
    UNION ALL
    SELECT 16, 'passedOnLines', row_number() OVER (ORDER BY disputed.disputed_at, delivery_id, line_number), json_build_object(
        'answerId', answer_id, 'organisationName', organisation.name, 'deliveryId', delivery_id, 'lineNumber', line_number,
        'placementId', reported.placement_id, 'month', to_char(reported.month, 'YYYY-MM'), 'reason', disputed.reason, 'note', disputed.note,
        'disputedAt', instant_text(disputed.disputed_at), 'changedAt', instant_text(disputed.changed_at),
        'takenBackAt', instant_text(disputed.taken_back_at))::text
    FROM disputed_line AS disputed
    JOIN answer USING (answer_id)
    JOIN organisation USING (organisation_id)
    -- A line that was taken back and stands again was reported more than once.
    CROSS JOIN LATERAL (
        SELECT placement_id, month
        FROM reported_hours
        WHERE household_id = $1 AND reported_hours.organisation_id = disputed.organisation_id
            AND reported_hours.delivery_id = disputed.delivery_id AND reported_hours.line_number = disputed.line_number
        ORDER BY recorded_at
        LIMIT 1
    ) AS reported
    WHERE answer.household_id = $1
    UNION ALL
    SELECT 17, 'refusedAnswers', row_number() OVER (ORDER BY refused_at, answer_id), json_build_object('answerId', answer_id,
        'version', version, 'deleted', deleted, 'personId', person_id, 'sent', sent, 'problem', problem, 'detail', detail,
        'refusedAt', instant_text(refused_at))::text
    FROM refused_answer
    WHERE household_id = $1
    UNION ALL
    SELECT 18, 'changes', row_number() OVER (ORDER BY sequence), json_build_object('changeId', change_id, 'version', version,
        'deleted', deleted, 'sequence', sequence, 'state', state, 'placements', placements, 'declarationVersion', declaration_version,
        'reason', reason, 'recordedAt', instant_text(recorded_at), 'sentAt', instant_text(sent_at),
        'settledAt', instant_text(settled_at))::text
    FROM change
    WHERE household_id = $1
    UNION ALL
    SELECT 19, 'enrolments', 1, json_build_object('pilotId', pilot_id, 'pilot', pilot.name, 'stageNumber', stage_number,
        'stageState', stage.state, 'recordedAt', instant_text(enrolment.recorded_at))::text
    FROM enrolment
    JOIN stage USING (pilot_id, stage_number)
    JOIN pilot USING (pilot_id)
    WHERE household_id = $1
    UNION ALL
    SELECT 20, 'notices', row_number() OVER (ORDER BY recorded_at, notice_id), json_build_object('noticeId', notice_id, 'version', version,
        'deleted', deleted, 'differenceId', difference_id, 'differenceVersion', difference_version, 'sentence', sentence,
        'weight', round(weight_cents / 100.0, 2)::text, 'pilotId', pilot_id, 'stageNumber', stage_number,
        'recordedAt', instant_text(recorded_at))::text
    FROM notice
    WHERE household_id = $1
    UNION ALL
    SELECT 21, 'devices', row_number() OVER (ORDER BY registered_at, device_id), json_build_object('deviceId', device_id,
        'platform', platform, 'locale', locale, 'quietFrom', to_char(quiet_from, 'HH24:MI'), 'quietUntil', to_char(quiet_until, 'HH24:MI'),
        'wantedNotices', to_json(wanted_notices), 'registeredAt', instant_text(registered_at), 'retiredAt', instant_text(retired_at), 'retiredFor', retired_for)::text
    FROM device
    WHERE household_id = $1 AND person_id = $2
    UNION ALL
    SELECT 22, 'pushes', row_number() OVER (ORDER BY push.recorded_at, push_id), json_build_object('pushId', push_id,
        'noticeId', notice_id, 'deviceId', device_id, 'recordedAt', instant_text(push.recorded_at))::text
    FROM push
    JOIN device USING (household_id, device_id)
    WHERE household_id = $1 AND device.person_id = $2
    UNION ALL
    SELECT 23, 'outbox', row_number() OVER (ORDER BY outbox.recorded_at, subject_id), json_build_object('kind', kind,
        'subjectId', subject_id, 'sequence', sequence, 'state', state, 'attempts', attempts, 'leaseUntil', instant_text(lease_until),
        'dueAt', instant_text(due_at), 'lastError', last_error, 'recordedAt', instant_text(outbox.recorded_at),
        'doneAt', instant_text(done_at))::text
    FROM outbox
    WHERE household_id = $1 AND (kind <> 'push' OR EXISTS (
        SELECT FROM push
        JOIN device USING (household_id, device_id)
        WHERE push.household_id = outbox.household_id AND push.push_id = outbox.push_id AND device.person_id = $2
    ))
    UNION ALL
    SELECT 24, 'audit', number, json_build_object('number', number, 'recordedAt', instant_text(link.recorded_at),
        'action', event ->> 'action', 'isReading', is_reading(event), 'who', actor_kind(event),
        'personId', person_of(event), 'organisationName', organisation.name, 'details', event - 'action' - 'actor' - 'represents', 'hash', encode(hash, 'hex'))::text
    FROM household_audit AS link
    LEFT JOIN organisation ON event ->> 'actor' = 'organisation ' || organisation_id
    WHERE household_id = $1
) AS held
ORDER BY place, position;
