-- On a logical subscriber, heads and documents arrive by replication and nothing is stamped. The
-- apply worker fires only triggers enabled for replicas: this one passes the announcement on, once
-- per environment and transaction, because the head changes once (and equal notifications of one
-- transaction are folded).

CREATE FUNCTION fauna.announce_replicated() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        -- The environment is gone; its last revision never was a head.
        PERFORM fauna.announce(OLD.environment_key, OLD.epoch, OLD.revision + 1);
    ELSIF TG_OP = 'INSERT' OR OLD.epoch <> NEW.epoch OR OLD.revision <> NEW.revision THEN
        PERFORM fauna.announce(NEW.environment_key, NEW.epoch, NEW.revision);
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION fauna.announce_replicated() FROM PUBLIC;
COMMENT ON FUNCTION fauna.announce_replicated() IS 'Trigger: announces a revision that logical replication brought.';

CREATE TRIGGER heads_announce AFTER INSERT OR UPDATE OR DELETE ON fauna.heads
    FOR EACH ROW EXECUTE FUNCTION fauna.announce_replicated();
ALTER TABLE fauna.heads ENABLE REPLICA TRIGGER heads_announce;
