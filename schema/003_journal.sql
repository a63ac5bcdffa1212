-- What was expected before, and what notes point at: the queue as a journal of what was asked and
-- learnt.
ALTER TABLE batch ADD COLUMN expectation TEXT;

-- `kind` 0: a note points at an experiment; 1: at a batch.
CREATE TABLE link (
    note INTEGER NOT NULL REFERENCES note (id),
    kind INTEGER NOT NULL,
    target INTEGER NOT NULL,
    PRIMARY KEY (note, kind, target)
) STRICT, WITHOUT ROWID;
CREATE INDEX link_target ON link (kind, target);
