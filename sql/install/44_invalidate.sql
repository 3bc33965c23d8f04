-- Invalidation: how backends learn that the flags they have compiled are out of date.
--
--   fauna.documents or fauna.pending changes, or a row of fauna.heads comes or goes; or either is truncated
--     -> fauna.signal_cache() queues a relation cache invalidation for fauna.cache_signal
--     -> PostgreSQL delivers it: to this backend at once, to others at commit, to standbys by WAL
--     -> a callback in each backend notes it, and from then on every flag is looked up in the log again when it is next
--        evaluated. Compiled again is only what has another row there.
--
-- A proxy table, because the entry of fauna.documents itself changes at every autovacuum. Per row,
-- because the apply worker of logical replication fires no statement triggers; it runs with
-- session_replication_role = replica, hence ENABLE ALWAYS. A rollback drops the message together
-- with the change, and the backend's own cache follows its (sub)transactions.

CREATE TRIGGER documents_signal_cache AFTER INSERT OR UPDATE OR DELETE ON fauna.documents
    FOR EACH ROW EXECUTE FUNCTION fauna.signal_cache();
ALTER TABLE fauna.documents ENABLE ALWAYS TRIGGER documents_signal_cache;
CREATE TRIGGER documents_signal_truncate AFTER TRUNCATE ON fauna.documents
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.signal_cache();
ALTER TABLE fauna.documents ENABLE ALWAYS TRIGGER documents_signal_truncate;

-- Documents count from when their environment has a head, which on a logical subscriber may be synchronised after them. Later
-- changes of a head come with those of documents.
CREATE TRIGGER heads_signal_cache AFTER INSERT OR DELETE ON fauna.heads
    FOR EACH ROW EXECUTE FUNCTION fauna.signal_cache();
ALTER TABLE fauna.heads ENABLE ALWAYS TRIGGER heads_signal_cache;
CREATE TRIGGER heads_signal_truncate AFTER TRUNCATE ON fauna.heads
    FOR EACH STATEMENT EXECUTE FUNCTION fauna.signal_cache();
ALTER TABLE fauna.heads ENABLE ALWAYS TRIGGER heads_signal_truncate;

CREATE TRIGGER pending_signal_cache AFTER INSERT OR UPDATE OR DELETE ON fauna.pending
    FOR EACH ROW EXECUTE FUNCTION fauna.signal_cache();
