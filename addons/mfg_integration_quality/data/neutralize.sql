-- Holds are facts about stock: a copy keeps them. Nothing in this addon sends or accepts by itself,
-- it goes through the connectors, which the base addon switches off.
SELECT 1;
