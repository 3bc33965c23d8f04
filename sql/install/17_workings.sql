-- The log's own workings. Nothing here outlives a transaction, nothing is dumped.
--
-- dirty and pending are UNLOGGED and keyed by transaction first: a transaction writes and reads
-- only its own rows, deletes them at commit, and an abort or a crash leaves none. A hot standby
-- cannot open unlogged tables; readers look here only if they have a transaction id, which a
-- standby never gives out.

CREATE UNLOGGED TABLE fauna.dirty (
    txid xid8 NOT NULL,
    kind text COLLATE "C" NOT NULL,
    environment_key text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    marked_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    actor text NOT NULL,
    role text NOT NULL,
    application_name text NOT NULL,
    comment text,
    is_first boolean NOT NULL,
    last_commit xid8,
    CONSTRAINT dirty_pkey PRIMARY KEY (txid, kind, environment_key, key),
    CONSTRAINT dirty_kind_check
        CHECK (kind IN ('flag', 'audience', 'sdk_key', 'attribute', 'environment', 'epoch'))
);
COMMENT ON TABLE fauna.dirty IS 'What the running transactions have touched, and who did it.';
COMMENT ON COLUMN fauna.dirty.txid IS 'The transaction.';
COMMENT ON COLUMN fauna.dirty.kind IS 'What was touched: a document''s kind; an attribute (every audience that uses it); an environment (everything in it); or an epoch to begin (everything in it, anew).';
COMMENT ON COLUMN fauna.dirty.environment_key IS 'Where; empty means in every environment.';
COMMENT ON COLUMN fauna.dirty.key IS 'Key of what was touched; empty for an environment or epoch.';
COMMENT ON COLUMN fauna.dirty.marked_at IS 'When it was first touched.';
COMMENT ON COLUMN fauna.dirty.actor IS 'session_user at that statement.';
COMMENT ON COLUMN fauna.dirty.role IS 'The role acted as at that statement; at COMMIT it may have been reset.';
COMMENT ON COLUMN fauna.dirty.application_name IS 'application_name at that statement.';
COMMENT ON COLUMN fauna.dirty.comment IS 'Setting fauna.comment at that statement.';
COMMENT ON COLUMN fauna.dirty.is_first IS 'Whether nothing was marked before it, so that it is the one whose trigger stamps.';
COMMENT ON COLUMN fauna.dirty.last_commit IS 'The transaction that had committed a change of flags last, when the first mark was made; null in the others.';

CREATE UNLOGGED TABLE fauna.pending (
    txid xid8 NOT NULL,
    environment_key text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    doc jsonb,
    CONSTRAINT pending_pkey PRIMARY KEY (txid, environment_key, kind, key)
);
COMMENT ON TABLE fauna.pending IS 'Documents as a running transaction has changed them, for its own eyes: what differs from fauna.documents.';
COMMENT ON COLUMN fauna.pending.txid IS 'The transaction.';
COMMENT ON COLUMN fauna.pending.environment_key IS 'The environment.';
COMMENT ON COLUMN fauna.pending.kind IS 'flag, audience or sdk_key.';
COMMENT ON COLUMN fauna.pending.key IS 'Key of the document.';
COMMENT ON COLUMN fauna.pending.doc IS 'The document; null means deleted.';

CREATE TABLE fauna.commit_lock (
    id boolean NOT NULL DEFAULT true,
    txid xid8 NOT NULL DEFAULT '0',
    previous xid8 NOT NULL DEFAULT '0',
    CONSTRAINT commit_lock_pkey PRIMARY KEY (id),
    CONSTRAINT commit_lock_id_check CHECK (id)
);
COMMENT ON TABLE fauna.commit_lock IS 'One row, updated by every commit that changes flags: their order is the order of the revisions.';
COMMENT ON COLUMN fauna.commit_lock.id IS 'Always true; allows one row.';
COMMENT ON COLUMN fauna.commit_lock.txid IS 'Transaction that held the lock last. Writing it is what makes a stale REPEATABLE READ transaction fail.';
COMMENT ON COLUMN fauna.commit_lock.previous IS 'What txid was before, for the holder to see whether anybody has committed since its first mark.';

INSERT INTO fauna.commit_lock DEFAULT VALUES;

CREATE TABLE fauna.cache_signal (
    id boolean NOT NULL,
    CONSTRAINT cache_signal_pkey PRIMARY KEY (id)
);
COMMENT ON TABLE fauna.cache_signal IS 'Always empty. Its relation cache entry is what backends watch to drop the flags they have compiled.';
COMMENT ON COLUMN fauna.cache_signal.id IS 'Never filled.';
