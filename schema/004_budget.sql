-- sweep.time: what the runs of a batch may take in all.
ALTER TABLE batch ADD COLUMN time_ms INTEGER;                  -- NULL: any time, or lifted
ALTER TABLE batch ADD COLUMN used_ms INTEGER NOT NULL DEFAULT 0; -- of runs that ended, counted where there is a limit
ALTER TABLE batch ADD COLUMN spent TEXT;                       -- why its rest was dropped
