-- Experiments that are added are counted by the statement that adds them all: within a trigger each
-- row would cost SQLite a copy of every page it touches, to be able to undo that row alone.
DROP TRIGGER experiment_added;

-- (state, id) finds those of a batch too: its ids are a closed range.
DROP INDEX experiment_batch;
