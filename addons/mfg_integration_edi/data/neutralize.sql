-- A neutralized copy exchanges no documents. Drafts take no control numbers, so the copy cannot
-- use up numbers that the original will give.
UPDATE mfg_trading_agreement SET state = 'draft' WHERE state = 'active';
