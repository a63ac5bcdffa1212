-- The queue, version 1. Times are wall milliseconds since 1970; states and verdicts are the numbers
-- of daemon/experiment_state.h; an absent value is NULL.

-- Environments of submitters, each once.
CREATE TABLE environment (
    id INTEGER PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    variables TEXT NOT NULL -- JSON: ["K=V", ...]
) STRICT;

CREATE TABLE batch (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again
    name TEXT NOT NULL,
    question TEXT,
    base TEXT NOT NULL, -- JSON: the spec that its experiments share
    sweep TEXT,         -- JSON, as it was submitted
    seed INTEGER NOT NULL,
    cwd TEXT NOT NULL,
    environment INTEGER REFERENCES environment (id),
    fingerprints TEXT, -- JSON: [{path, size, mtime_ns, hash}]
    on_finish TEXT,    -- a shell command, started at most once each time the batch ends
    finish_started INTEGER NOT NULL DEFAULT 0,
    token TEXT UNIQUE, -- the client's name of this submission
    metric TEXT,       -- sweep.goal
    minimize INTEGER NOT NULL DEFAULT 0,
    broken TEXT, -- why its rest was held: see failure
    first INTEGER NOT NULL DEFAULT 0, -- its experiments: a closed range
    last INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL,
    ended_ms INTEGER
) STRICT;
CREATE INDEX batch_finish ON batch (id)
    WHERE ended_ms IS NOT NULL AND on_finish IS NOT NULL AND finish_started = 0;

-- What experiments ask for: few rows, shared by many.
CREATE TABLE need (
    id INTEGER PRIMARY KEY,
    cpus REAL NOT NULL,
    memory INTEGER NOT NULL, -- bytes; 0: not said
    gpus INTEGER NOT NULL,
    UNIQUE (cpus, memory, gpus)
) STRICT;

-- The spec in force is (batch.base, delta, parameters, name, seed): see daemon/batch.h.
CREATE TABLE experiment (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again
    batch INTEGER NOT NULL REFERENCES batch (id),
    name TEXT NOT NULL,
    state INTEGER NOT NULL,
    verdict INTEGER NOT NULL DEFAULT 0,
    message TEXT,
    priority INTEGER NOT NULL,
    need INTEGER NOT NULL REFERENCES need (id),
    blocked INTEGER NOT NULL DEFAULT 0, -- dependencies that are still to end
    seed INTEGER NOT NULL,
    replicate INTEGER NOT NULL,
    configuration TEXT NOT NULL, -- the same under another seed
    delta TEXT,                  -- JSON
    frozen INTEGER NOT NULL DEFAULT 0, -- delta is the whole spec in force; parameters only tell
    parameters TEXT,             -- JSON: {name: value or {label, value}}
    pipeline INTEGER NOT NULL,
    requeue INTEGER NOT NULL,
    retries INTEGER NOT NULL,
    retries_left INTEGER NOT NULL,
    breaker INTEGER NOT NULL DEFAULT 0, -- how many configurations may fail alike; 0: any number
    losses INTEGER NOT NULL DEFAULT 0, -- one after the other, without progress
    not_before_ms INTEGER,       -- of a queued one: when its next attempt is due
    fresh INTEGER NOT NULL DEFAULT 0,  -- the next run forgets the checkpoint
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    cleaned INTEGER NOT NULL DEFAULT 0, -- its run folder was removed
    run INTEGER NOT NULL DEFAULT 0,     -- the latest
    checkpoint_step INTEGER NOT NULL DEFAULT 0, -- the furthest reported
    started_ms INTEGER,                 -- of the latest run
    ended_ms INTEGER,
    marks TEXT -- JSON: ["LEAK"]
) STRICT;
-- The scheduler's walk: for each need the first in line.
CREATE INDEX experiment_ready ON experiment (need, priority DESC, id)
    WHERE state = 1 AND blocked = 0 AND not_before_ms IS NULL;
CREATE INDEX experiment_not_before ON experiment (not_before_ms) WHERE not_before_ms IS NOT NULL;
CREATE INDEX experiment_state ON experiment (state);
CREATE INDEX experiment_batch ON experiment (batch, state);

-- How many experiments of a batch are in a state, so that nobody has to count them.
CREATE TABLE state_count (
    batch INTEGER NOT NULL,
    state INTEGER NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (batch, state)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER experiment_added AFTER INSERT ON experiment BEGIN
    INSERT INTO state_count VALUES (NEW.batch, NEW.state, 1)
        ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER experiment_moved AFTER UPDATE OF state ON experiment WHEN OLD.state <> NEW.state BEGIN
    UPDATE state_count SET n = n - 1 WHERE batch = OLD.batch AND state = OLD.state;
    INSERT INTO state_count VALUES (NEW.batch, NEW.state, 1)
        ON CONFLICT DO UPDATE SET n = n + 1;
END;

-- Configurations of a batch that failed since its last success, and how: when enough of them failed
-- alike the rest of the batch is held (batch.broken).
CREATE TABLE failure (
    batch INTEGER NOT NULL,
    fingerprint TEXT NOT NULL, -- daemon/failure.h
    configuration TEXT NOT NULL,
    PRIMARY KEY (batch, fingerprint, configuration)
) STRICT, WITHOUT ROWID;

-- queue.after and queue.after_ok. `kind` 0: needs an experiment; 1: needs a batch.
CREATE TABLE dependency (
    kind INTEGER NOT NULL,
    needs INTEGER NOT NULL,
    experiment INTEGER NOT NULL REFERENCES experiment (id),
    ok INTEGER NOT NULL, -- 1: it must end as done
    met INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, needs, experiment)
) STRICT, WITHOUT ROWID;
CREATE INDEX dependency_of ON dependency (experiment);

-- One attempt. Offsets are where the next line of the journal begins.
CREATE TABLE run (
    experiment INTEGER NOT NULL REFERENCES experiment (id),
    run INTEGER NOT NULL,
    verdict INTEGER NOT NULL DEFAULT 0,
    gpu_mask INTEGER NOT NULL DEFAULT 0,
    worker_pid INTEGER NOT NULL DEFAULT 0,
    worker_start INTEGER NOT NULL DEFAULT 0,
    boot TEXT NOT NULL DEFAULT '',
    blas_core TEXT,
    created_ms INTEGER NOT NULL,
    started_ms INTEGER,
    ended_ms INTEGER,
    exit_status INTEGER,
    signal INTEGER,
    wall_s REAL,
    cpu_s REAL,
    peak_rss_bytes INTEGER,
    message TEXT,
    exit_line TEXT, -- JSON: the `exit` event, from when it was read
    checkpoint_step INTEGER NOT NULL DEFAULT 0, -- the experiment's when this run began
    progress_done REAL,
    progress_total REAL,
    progress_unit TEXT,
    progress_ms INTEGER, -- when it was reported
    progress_from REAL,  -- `done` of the run's first report: it may go on from a checkpoint
    progress_from_ms INTEGER,
    paused_ms INTEGER NOT NULL DEFAULT 0, -- in all, but for a pause that goes on
    pause_began_ms INTEGER,
    events_offset INTEGER NOT NULL DEFAULT 0,
    reported_offset INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (experiment, run)
) STRICT, WITHOUT ROWID;

CREATE TABLE metric_name (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- A later line supersedes: (run, seq) of the line that a value comes from. NaN is NULL.
CREATE TABLE metric (
    experiment INTEGER NOT NULL,
    name INTEGER NOT NULL,
    step INTEGER NOT NULL,
    value REAL,
    run INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (experiment, name, step)
) STRICT, WITHOUT ROWID;

-- The value that counts: the final one, else the latest.
CREATE TABLE result (
    experiment INTEGER NOT NULL,
    name INTEGER NOT NULL,
    value REAL,
    naive REAL,
    final INTEGER NOT NULL,
    run INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (experiment, name)
) STRICT, WITHOUT ROWID;

-- Lines of journals that are no metrics. `kind` is a number of daemon/store/intake.c, `journal` 0
-- for events.jsonl, 1 for reported.jsonl, 2 for the daemon's own; `seq` is the byte at which the
-- line begins.
CREATE TABLE event (
    experiment INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    run INTEGER NOT NULL,
    journal INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (experiment, kind, run, journal, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE note (
    id INTEGER PRIMARY KEY,
    experiment INTEGER REFERENCES experiment (id),
    batch INTEGER REFERENCES batch (id),
    created_ms INTEGER NOT NULL,
    text TEXT NOT NULL
) STRICT;
CREATE INDEX note_experiment ON note (experiment);
CREATE INDEX note_batch ON note (batch);

CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
