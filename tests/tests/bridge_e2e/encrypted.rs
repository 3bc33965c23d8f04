//! TLS between bridge and PostgreSQL: what each `sslmode` accepts, and in which words it refuses.

use fauna_tests::{Authority, Bridge, Cluster, Pooler, eventually};

use crate::events::open;
use crate::shop::{Replica, Shop, bridge, readiness};

/// A server with a certificate for `localhost`. One that was built without TLS has a pooler of sessions before it, which has.
struct Encrypted<'c> {
    shop: Shop<'c>,
    port: u16,
    authority: Authority,
    front: Option<Pooler>,
}

impl<'c> Encrypted<'c> {
    async fn start(cluster: &'c Cluster) -> Self {
        let shop = Shop::in_cluster(cluster).await;
        let authority = Authority::new();
        let server = authority.certify("localhost");
        let certificate = cluster.write("server.crt", &server.certificate);
        let key = cluster.write("server.key", &server.key);
        let root = cluster.write("root.crt", &authority.certificate());
        let (certificate, key, root) = (certificate.display(), key.display(), root.display());
        if shop.text("SHOW ssl_library").await.is_empty() {
            let front = Pooler::start_with(
                cluster,
                &[],
                &format!(
                    "pool_mode = session\ndefault_pool_size = 20\nclient_tls_sslmode = require\n\
                     client_tls_cert_file = {certificate}\nclient_tls_key_file = {key}"
                ),
            );
            return Self { shop, port: front.port(), authority, front: Some(front) };
        }
        cluster.configure(&format!(
            "ssl = on\nssl_cert_file = '{certificate}'\nssl_key_file = '{key}'\nssl_ca_file = '{root}'"
        ));
        Self { port: cluster.port(), shop, authority, front: None }
    }

    /// Makes the server read its files again.
    async fn reload(&self) {
        self.shop.text("SELECT pg_reload_conf()::text").await;
        if self.front.is_none() {
            eventually("the server encrypts", || async {
                (self.shop.text("SHOW ssl").await == "on").then_some(())
            })
            .await;
        }
    }

    fn conninfo(&self, host: &str, rest: &str) -> String {
        format!("host={host} port={} user=postgres dbname={} {rest}", self.port, self.shop.database.name())
    }

    fn root(&self) -> String {
        self.shop.database.cluster().folder().join("root.crt").display().to_string()
    }

    /// Whether each of the bridge's sessions is encrypted; none if there is no session.
    async fn encrypted(&self, user: &str) -> Option<bool> {
        let client = self.shop.database.connect().await;
        let asked = "SELECT bool_and(s.ssl) FROM pg_stat_activity AS a JOIN pg_stat_ssl AS s USING (pid)
            WHERE a.application_name = 'fauna-bridge' AND a.usename = $1";
        client.query_one(asked, &[&user]).await.expect("the sessions").get(0)
    }
}

/// Waits for the first words on a failure.
async fn refusal(bridge: &Bridge) -> String {
    eventually("a failure", || async {
        bridge.log().into_iter().find(|line| line.contains("no connection to PostgreSQL"))
    })
    .await
}

#[tokio::test]
async fn with_the_right_authority_and_name_every_session_is_encrypted_and_changes_arrive() {
    let cluster = Cluster::start();
    let server = Encrypted::start(&cluster).await;
    server.reload().await;
    let conninfo =
        server.conninfo("localhost", &format!("sslmode=verify-full sslrootcert={}", server.root()));
    let bridge = bridge(&conninfo, &[]).await;
    readiness(&bridge, true).await;
    let (mut replica, mut events) = (Replica::default(), open(&bridge, &server.shop.key, None).await);
    replica.apply(&events.change().await);
    server.shop.run("SELECT fauna.enable('checkout', 'production')").await;
    replica.apply(&events.change().await);
    assert_eq!(replica.ruleset(), server.shop.ruleset().await);
    // The pooler lets in nobody who is not encrypted.
    if server.front.is_none() {
        assert_eq!(server.encrypted("postgres").await, Some(true));
    }
}

#[tokio::test]
async fn a_wrong_name_and_an_unknown_authority_are_refused_in_words_where_they_are_looked_at() {
    let cluster = Cluster::start();
    let server = Encrypted::start(&cluster).await;
    server.reload().await;
    let right = server.root();
    let wrong = cluster.write("other.crt", &Authority::new().certificate()).display().to_string();
    for (host, rest, words) in [
        (
            "localhost",
            format!("sslmode=verify-full sslrootcert={wrong}"),
            Some("not from an authority in sslrootcert"),
        ),
        (
            "localhost",
            format!("sslmode=verify-ca sslrootcert={wrong}"),
            Some("not from an authority in sslrootcert"),
        ),
        (
            "localhost",
            format!("sslmode=require sslrootcert={wrong}"),
            Some("not from an authority in sslrootcert"),
        ),
        (
            "localhost",
            "sslmode=verify-full sslrootcert=system".into(),
            Some("not from an authority in sslrootcert"),
        ),
        ("127.0.0.1", format!("sslmode=verify-full sslrootcert={right}"), Some("not valid for name")),
        ("127.0.0.1", format!("sslmode=verify-ca sslrootcert={right}"), None),
        ("127.0.0.1", format!("sslmode=require sslrootcert={right}"), None),
        ("127.0.0.1", "sslmode=require".into(), None),
        ("127.0.0.1", format!("sslmode=prefer sslrootcert={wrong}"), None),
        ("127.0.0.1", String::new(), None),
    ] {
        let bridge = bridge(&server.conninfo(host, &rest), &[]).await;
        if let Some(words) = words {
            let refused = refusal(&bridge).await;
            assert!(refused.contains(words) && refused.contains("WARN"), "{rest}: {refused}");
            readiness(&bridge, false).await;
        } else {
            readiness(&bridge, true).await;
            assert!(server.front.is_some() || server.encrypted("postgres").await == Some(true), "{rest}");
        }
    }
}

#[tokio::test]
async fn a_server_without_tls_is_refused_by_all_modes_that_demand_it() {
    let cluster = Cluster::start();
    let shop = Shop::in_cluster(&cluster).await;
    let bridge = bridge(&format!("{}?sslmode=require", shop.database.conninfo()), &[]).await;
    let refused = refusal(&bridge).await;
    assert!(refused.contains("server does not support TLS"), "{refused}");
    for mode in ["disable", "allow", "prefer"] {
        let bridge = crate::shop::bridge(&format!("{}?sslmode={mode}", shop.database.conninfo()), &[]).await;
        readiness(&bridge, true).await;
    }
}

#[tokio::test]
async fn what_pg_hba_demands_is_met_by_trying_otherwise_by_a_certificate_and_by_channel_binding() {
    let cluster = Cluster::start();
    let server = Encrypted::start(&cluster).await;
    if server.front.is_some() {
        // These are rules of the server's own TLS, so they can only be left out where it was built without, by its own account.
        let configured = cluster.run("pg_config", &["--configure"]);
        assert!(
            !configured.contains("ssl"),
            "this server can encrypt, and says that it cannot: {configured}"
        );
        return;
    }
    let setup = "CREATE ROLE only_plain LOGIN; CREATE ROLE only_encrypted LOGIN; CREATE ROLE certified LOGIN;
        CREATE ROLE secretive LOGIN PASSWORD 'hunter2';
        SELECT fauna.grant(role, 'bridge') FROM unnest('{only_plain,only_encrypted,certified,secretive}'::text[]) AS role";
    server.shop.database.execute(setup).await;
    let rules = "hostnossl all only_plain 127.0.0.1/32 trust\nhostssl all only_encrypted 127.0.0.1/32 trust\n\
        hostssl all certified 127.0.0.1/32 cert\nhostssl all secretive 127.0.0.1/32 scram-sha-256\n\
        host all postgres 127.0.0.1/32 trust\n";
    let rules = cluster.write("rules", rules);
    cluster.configure(&format!("hba_file = '{}'", rules.display()));
    // The file's place is fixed while the server runs.
    cluster.stop();
    cluster.launch();
    let client = server.authority.certify("certified");
    let certificate = cluster.write("client.crt", &client.certificate).display().to_string();
    let key = cluster.write("client.key", &client.key).display().to_string();
    let root = server.root();
    for (user, rest, encrypted) in [
        ("only_plain", "sslmode=disable".to_owned(), Some(false)),
        ("only_plain", "sslmode=allow".into(), Some(false)),
        ("only_plain", "sslmode=prefer".into(), Some(false)),
        ("only_plain", "sslmode=require".into(), None),
        ("only_encrypted", "sslmode=disable".into(), None),
        ("only_encrypted", "sslmode=allow".into(), Some(true)),
        ("only_encrypted", "sslmode=prefer".into(), Some(true)),
        ("only_encrypted", "sslmode=require".into(), Some(true)),
        ("certified", "sslmode=require".into(), None),
        (
            "certified",
            format!("sslmode=verify-ca sslrootcert={root} sslcert={certificate} sslkey={key}"),
            Some(true),
        ),
        ("secretive", "password=hunter2 channel_binding=require".into(), Some(true)),
        ("secretive", "password=wrong".into(), None),
    ] {
        let conninfo = server.conninfo("127.0.0.1", &rest).replace("user=postgres", &format!("user={user}"));
        let bridge = bridge(&conninfo, &[]).await;
        if encrypted.is_some() {
            readiness(&bridge, true).await;
            assert_eq!(server.encrypted(user).await, encrypted, "{user} {rest}");
        } else {
            let refused = refusal(&bridge).await;
            assert!(refused.contains("WARN") && !refused.contains("hunter2"), "{user} {rest}: {refused}");
        }
    }
}
