-- A neutralized copy neither sends nor accepts: no connector is active, no secret is left.
UPDATE mfg_connector SET activation_fingerprint = NULL, state = 'paused' WHERE state = 'active';
UPDATE mfg_credential SET cipher = NULL, digest = NULL;
UPDATE ir_cron SET active = false
 WHERE id IN (SELECT cron_id FROM mfg_lane WHERE cron_id IS NOT NULL)
    OR id IN (SELECT cron_id FROM mfg_lane_cron);
DELETE FROM mfg_worker;
