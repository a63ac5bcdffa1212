-- What a run says about when it will end, before it has a pace: progress events with `left`.
ALTER TABLE run ADD COLUMN progress_end_ms REAL; -- NULL: it said nothing
