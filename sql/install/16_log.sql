-- The document log: what readers read. Written only by the commit trigger (stamp), under one lock.
--
-- No foreign key leads from here to environments: the history of a deleted environment stays.
--
-- heads and documents are not dumped. They say which log this database has, and a restored
-- database begins a new one (another epoch) when its source tables are loaded. revisions and
-- history are dumped, and their keys contain the epoch, so old and new stand side by side.

CREATE TABLE fauna.heads (
    environment_key text COLLATE "C" NOT NULL,
    epoch uuid NOT NULL,
    revision bigint NOT NULL,
    origin text NOT NULL,
    txid xid8 NOT NULL,
    horizon bigint NOT NULL,
    CONSTRAINT heads_pkey PRIMARY KEY (environment_key)
);
COMMENT ON TABLE fauna.heads IS 'Tip of the log, one row per environment. epoch:revision names a configuration everywhere.';
COMMENT ON COLUMN fauna.heads.environment_key IS 'The environment.';
COMMENT ON COLUMN fauna.heads.epoch IS 'Random name of an unbroken run of revisions; new after a restore, a promotion or a copy of the database.';
COMMENT ON COLUMN fauna.heads.revision IS 'Latest revision; within an epoch gap-free and in commit order.';
COMMENT ON COLUMN fauna.heads.origin IS 'System identifier, database oid and timeline that the epoch was begun on.';
COMMENT ON COLUMN fauna.heads.txid IS 'Transaction that made the latest revision.';
COMMENT ON COLUMN fauna.heads.horizon IS 'Oldest revision from which a reader can be brought up to date, and of which history can be asked.';

CREATE TABLE fauna.revisions (
    environment_key text COLLATE "C" NOT NULL,
    epoch uuid NOT NULL,
    revision bigint NOT NULL,
    committed_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    actor text NOT NULL,
    role text NOT NULL,
    application_name text NOT NULL DEFAULT '',
    comment text,
    txid xid8 NOT NULL,
    CONSTRAINT revisions_pkey PRIMARY KEY (environment_key, epoch, revision)
);
CREATE INDEX revisions_environment_key_committed_at_idx ON fauna.revisions (environment_key, committed_at);
COMMENT ON TABLE fauna.revisions IS 'Who changed an environment, when, from where: one row per transaction and environment.';
COMMENT ON COLUMN fauna.revisions.environment_key IS 'The environment.';
COMMENT ON COLUMN fauna.revisions.epoch IS 'The epoch.';
COMMENT ON COLUMN fauna.revisions.revision IS 'Number within the epoch, from 1.';
COMMENT ON COLUMN fauna.revisions.committed_at IS 'When the commit took the log''s lock; in the order of the revisions.';
COMMENT ON COLUMN fauna.revisions.actor IS 'Who was logged in (session_user).';
COMMENT ON COLUMN fauna.revisions.role IS 'Who they acted as (SET ROLE) when they made the first change.';
COMMENT ON COLUMN fauna.revisions.application_name IS 'Setting application_name at the first change.';
COMMENT ON COLUMN fauna.revisions.comment IS 'Setting fauna.comment at the first change that had one.';
COMMENT ON COLUMN fauna.revisions.txid IS 'The transaction; the same in every environment that it changed.';

SELECT pg_catalog.pg_extension_config_dump('fauna.revisions', '');

CREATE TABLE fauna.documents (
    environment_key text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    doc jsonb,
    CONSTRAINT documents_pkey PRIMARY KEY (environment_key, kind, key),
    CONSTRAINT documents_kind_check CHECK (kind IN ('flag', 'audience', 'sdk_key'))
);
CREATE INDEX documents_environment_key_revision_idx ON fauna.documents (environment_key, revision);
COMMENT ON TABLE fauna.documents IS 'Present state of the log: every document as it is now, compiled from the source tables.';
COMMENT ON COLUMN fauna.documents.environment_key IS 'The environment.';
COMMENT ON COLUMN fauna.documents.kind IS 'flag, audience or sdk_key.';
COMMENT ON COLUMN fauna.documents.key IS 'Key of the flag or audience, or id of the SDK key.';
COMMENT ON COLUMN fauna.documents.revision IS 'Revision of the present epoch that last changed it.';
COMMENT ON COLUMN fauna.documents.doc IS 'The document; null means deleted.';

CREATE TABLE fauna.history (
    environment_key text COLLATE "C" NOT NULL,
    epoch uuid NOT NULL,
    revision bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    doc jsonb,
    CONSTRAINT history_pkey PRIMARY KEY (environment_key, epoch, revision, kind, key),
    CONSTRAINT history_kind_check CHECK (kind IN ('flag', 'audience', 'sdk_key'))
);
CREATE INDEX history_environment_key_kind_key_epoch_revision_idx
    ON fauna.history (environment_key, kind, key, epoch, revision);
COMMENT ON TABLE fauna.history IS 'Every document of every revision, as it was from that revision on. The first revision of an epoch carries them all.';
COMMENT ON COLUMN fauna.history.environment_key IS 'The environment.';
COMMENT ON COLUMN fauna.history.epoch IS 'The epoch.';
COMMENT ON COLUMN fauna.history.revision IS 'The revision that changed the document.';
COMMENT ON COLUMN fauna.history.kind IS 'flag, audience or sdk_key.';
COMMENT ON COLUMN fauna.history.key IS 'Key of the flag or audience, or id of the SDK key.';
COMMENT ON COLUMN fauna.history.doc IS 'The document; null means deleted.';

SELECT pg_catalog.pg_extension_config_dump('fauna.history', '');
