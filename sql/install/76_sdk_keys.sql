-- SDK keys: shown once, kept as a hash.

CREATE FUNCTION fauna.create_sdk_key(
    environment text DEFAULT NULL, kind text DEFAULT 'server', name text DEFAULT '', expires_at timestamptz DEFAULT NULL
) RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- Two random UUIDs: 244 bits from the server's strong random source, and nobody has to hash slowly.
    key text := CASE kind WHEN 'client' THEN 'fauna_ck_' ELSE 'fauna_sk_' END
        || replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '');
BEGIN
    INSERT INTO fauna.sdk_keys (environment_key, kind, name, hash, prefix, expires_at)
    VALUES (fauna.known_environment(create_sdk_key.environment), create_sdk_key.kind, create_sdk_key.name,
        encode(sha256(convert_to(key, 'UTF8')), 'hex'), left(key, 17), create_sdk_key.expires_at);
    RETURN key;
END
$$;
COMMENT ON FUNCTION fauna.create_sdk_key(text, text, text, timestamptz) IS
    'Makes an SDK key, server or client, and returns it: this is the only time it can be read. SELECT fauna.create_sdk_key(name => ''web backend''); SELECT fauna.create_sdk_key(''staging'', ''client'');';

CREATE FUNCTION fauna.revoke_sdk_key(key text) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found uuid[] := ARRAY(
        SELECT k.id FROM fauna.sdk_keys k
        WHERE k.id::text = key OR k.prefix = key OR k.hash = encode(sha256(convert_to(key, 'UTF8')), 'hex')
        ORDER BY k.id);
BEGIN
    -- The text given may be the key itself, so no message repeats it.
    IF cardinality(found) = 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'no_data_found',
            MESSAGE = 'SDK key does not exist',
            DETAIL = 'No row of fauna.sdk_keys has this id, this prefix, or the hash of this key.',
            HINT = 'Look in fauna.sdk_keys for the id.';
    ELSIF cardinality(found) > 1 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'cardinality_violation',
            MESSAGE = 'more than one SDK key has this prefix',
            DETAIL = format('Their ids are %s.', array_to_string(found, ', ')),
            HINT = 'Give the id.';
    END IF;
    UPDATE fauna.sdk_keys k SET revoked_at = now() WHERE k.id = found[1] AND k.revoked_at IS NULL;
    RETURN found[1];
END
$$;
COMMENT ON FUNCTION fauna.revoke_sdk_key(text) IS
    'Ends an SDK key, given by its id, its prefix or itself: bridges close its streams at once. SELECT fauna.revoke_sdk_key(''fauna_sk_0123abcd'');';
