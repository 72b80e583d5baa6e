-- A neutralized copy is run by people: no shop floor reports to it, and its orders must not wait.
UPDATE mrp_production SET mfg_owner = 'odoo'
 WHERE mfg_owner = 'mes' AND state NOT IN ('done', 'cancel');
UPDATE mrp_workcenter SET mfg_owner_default = NULL WHERE mfg_owner_default = 'mes';
UPDATE stock_picking_type SET mfg_owner_default = NULL WHERE mfg_owner_default = 'mes';
