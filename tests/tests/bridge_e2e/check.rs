//! `fauna-bridge check`: what it says of databases that are as they should be, and of those that are not.

use fauna_tests::{Cluster, Database, Pooler, check, cluster, wall_clock_off_by};

use crate::shop::{Shop, shop};

/// A role with the profile `bridge`, and how it connects.
async fn bridge_role(database: &Database<'_>) -> (String, String) {
    let role = format!("checked_{}", database.name());
    database.execute(&format!("CREATE ROLE {role} LOGIN; SELECT fauna.grant('{role}', 'bridge')")).await;
    let conninfo = database.cluster().conninfo_as(&role, database.name());
    (role, conninfo)
}

/// The lines that are not `ok`, by what they are about, after checking the exit code against them.
async fn complaints(conninfo: &str) -> Vec<String> {
    let (code, text) = check(conninfo, &["--database-timeout-ms", "3000"], &[]).await;
    let complaints: Vec<_> =
        text.lines().filter(|line| !line.starts_with("ok    ")).map(str::to_owned).collect();
    for line in &complaints {
        assert!(line.starts_with("warn  ") || line.starts_with("FAIL  "), "{text}");
        // What is wrong, and a sentence on what to do.
        assert!(line.contains(". ") && (line.ends_with('.') || line.ends_with(';')), "{line}");
    }
    let fails = complaints.iter().any(|line| line.starts_with("FAIL"));
    assert_eq!(code, Some(i32::from(fails)), "{text}");
    complaints
}

/// Insists on one complaint that has all these words.
async fn complains(conninfo: &str, words: &[&str]) {
    let complaints = complaints(conninfo).await;
    let is_it = |line: &String| words.iter().all(|word| line.contains(word));
    assert!(complaints.len() == 1 && complaints.iter().all(is_it), "{words:?}: {complaints:#?}");
}

#[tokio::test]
async fn a_database_as_it_should_be_is_fine_in_every_line() {
    let shop = shop().await;
    shop.create_key("production', 'client").await;
    let (role, conninfo) = bridge_role(&shop.database).await;
    let (code, text) = check(&conninfo, &[], &[]).await;
    assert_eq!(code, Some(0), "{text}");
    let name = shop.database.name();
    let version = shop.text("SHOW server_version").await;
    for line in [
        format!("ok    connection: role {role} reaches database {name}"),
        format!("ok    server: PostgreSQL {version}"),
        "ok    listen: a notification sent on one connection arrived on another".into(),
        format!("ok    extension: fauna {}, as this bridge", env!("CARGO_PKG_VERSION")),
        "ok    privileges: exactly those of the profile bridge".into(),
        "ok    subscription: none: flags are made in this database".into(),
        "ok    environment: production has 1 server and 1 client keys that are valid".into(),
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(text.lines().all(|line| line.starts_with("ok    ")), "{text}");
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_or_lets_nobody_in_is_told_apart() {
    let database = shop().await.database;
    let cluster = cluster();
    complains(
        "postgresql://u:hunter2@127.0.0.1:1/d",
        &["FAIL  connection: cannot connect", "listens on that address"],
    )
    .await;
    complains(&cluster.conninfo("nowhere"), &["FAIL  connection", "3D000", "Name a database that exists"])
        .await;
    let nobody = cluster.conninfo_as("nobody_at_all", database.name());
    complains(&nobody, &["FAIL  connection", "28000", "pg_hba.conf"]).await;
    complains("host=h nonsense=1", &["FAIL  connection: unusable connection string", "--database-url"]).await;
    let (_, text) = check("postgresql://u:hunter2@127.0.0.1:1/d", &[], &[]).await;
    assert!(!text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn a_missing_or_old_extension_is_named_with_the_statement_that_helps() {
    let empty = Database::create_empty(cluster()).await;
    complains(&empty.conninfo(), &["FAIL  extension", "has no extension fauna", "CREATE EXTENSION fauna;"])
        .await;
    empty
        .execute(
            "CREATE EXTENSION fauna VERSION '0.1.0'; SELECT fauna.create_environment('production');
             SELECT fauna.create_sdk_key('production')",
        )
        .await;
    let (_, conninfo) = bridge_role(&empty).await;
    complains(&conninfo, &["warn  extension: fauna 0.1.0", "ALTER EXTENSION fauna UPDATE;"]).await;
}

/// Whatever the profile gives is needed, and each of it is missed by name.
#[tokio::test]
async fn every_privilege_of_the_profile_is_missed_when_it_is_gone() {
    let shop = shop().await;
    let (role, conninfo) = bridge_role(&shop.database).await;
    let client = shop.database.connect().await;
    let profile = "SELECT privileges, object FROM fauna.profile_privileges('bridge')";
    let privileges = client.query(profile, &[]).await.unwrap();
    assert!(privileges.len() > 4);
    for row in privileges {
        let (privilege, object): (&str, &str) = (row.get(0), row.get(1));
        shop.run(&format!("REVOKE {privilege} ON {object} FROM {role}")).await;
        // A function is named without its arguments.
        let named = object.split('(').next().unwrap();
        complains(&conninfo, &["FAIL  privileges", &format!("lacks {privilege} ON {named}"), "fauna.grant("])
            .await;
        shop.run(&format!("SELECT fauna.grant('{role}', 'bridge')")).await;
    }
    assert_eq!(complaints(&conninfo).await, Vec::<String>::new());
}

#[tokio::test]
async fn more_privileges_than_needed_are_a_warning() {
    let shop = shop().await;
    complains(&shop.database.conninfo(), &["warn  privileges", "postgres is a superuser"]).await;
    let (role, conninfo) = bridge_role(&shop.database).await;
    shop.run(&format!("GRANT UPDATE ON fauna.flags TO {role}")).await;
    complains(&conninfo, &["warn  privileges", "may also use fauna.flags, which"]).await;
    shop.run(&format!("SELECT fauna.grant('{role}', 'editor')")).await;
    complains(&conninfo, &["warn  privileges", " more, which the bridge does not need"]).await;
}

#[tokio::test]
async fn where_listen_does_not_work_the_reason_is_named() {
    let cluster = Cluster::start();
    let shop = Shop::in_cluster(&cluster).await;
    let (role, _) = bridge_role(&shop.database).await;
    let standby = cluster.standby();
    let conninfo = standby.conninfo_as(&role, shop.database.name());
    complains(&conninfo, &["warn  listen", "hot standby", "every 1000 ms"]).await;
    let pooler = Pooler::start(&cluster, &[&role]);
    let conninfo = pooler.conninfo(&shop.database).replace("postgres@", &format!("{role}@"));
    complains(&conninfo, &["warn  listen", "pooler in transaction mode"]).await;
}

#[tokio::test]
async fn a_subscriber_that_has_only_a_part_fails_and_a_whole_one_does_not() {
    let shop = shop().await;
    let cluster = Cluster::start();
    shop.database.execute("CREATE PUBLICATION fauna FOR TABLE fauna.heads").await;
    let database = Database::create(&cluster).await;
    let (source, name) = (shop.database.conninfo(), shop.database.name());
    database
        .execute(&format!(
            "CREATE SUBSCRIPTION fauna CONNECTION '{source}' PUBLICATION fauna WITH (slot_name = checked_{name})"
        ))
        .await;
    let (_, conninfo) = bridge_role(&database).await;
    let (code, text) = check(&conninfo, &[], &[]).await;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("FAIL  subscription: only fauna.heads is subscribed to"), "{text}");
    shop.database.execute("ALTER PUBLICATION fauna ADD TABLE fauna.documents").await;
    database.execute("ALTER SUBSCRIPTION fauna REFRESH PUBLICATION").await;
    fauna_tests::eventually("both tables are copied", || async {
        let (code, text) = check(&conninfo, &[], &[]).await;
        let words = "ok    subscription: fauna.heads and fauna.documents are copied and followed";
        (code == Some(0) && text.contains(words)).then_some(())
    })
    .await;
    assert_eq!(complaints(&conninfo).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_folder_for_snapshots_that_cannot_be_written_fails() {
    let shop = shop().await;
    let (_, conninfo) = bridge_role(&shop.database).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("to/be/made");
    let (code, text) = check(&conninfo, &["--snapshot-dir", path.to_str().unwrap()], &[]).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("ok    snapshots: the folder can be written, and holds 0"), "{text}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "it leaves nothing behind");
    std::fs::create_dir_all(&path).unwrap();
    std::fs::write(path.join("production.snapshot"), "nonsense").unwrap();
    let (code, text) = check(&conninfo, &["--snapshot-dir", path.to_str().unwrap()], &[]).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("warn  snapshots: 1 of 1 cannot be used, production.snapshot: damaged"), "{text}");
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), 1);
    // Root may write everywhere, but nobody into a file.
    let file = path.join("production.snapshot");
    let (code, text) = check(&conninfo, &["--snapshot-dir", file.to_str().unwrap()], &[]).await;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("FAIL  snapshots: making the folder"), "{text}");
}

#[tokio::test]
async fn a_clock_that_goes_wrong_by_more_than_a_second_is_a_warning() {
    let shop = shop().await;
    let (_, conninfo) = bridge_role(&shop.database).await;
    for (offset, words) in [("-90s", "behind"), ("+90s", "ahead of")] {
        let (code, text) = check(&conninfo, &[], &wall_clock_off_by(offset)).await;
        assert_eq!(code, Some(0), "{text}");
        let line = text.lines().find(|line| line.contains("clock")).unwrap();
        assert!(line.starts_with("warn  clock: this machine's clock is "), "{text}");
        assert!(line.contains(&format!(" ms {words} the database's. Let NTP set both")), "{text}");
        let milliseconds: u32 = line.split(' ').find_map(|word| word.parse().ok()).unwrap();
        assert!((85_000..95_000).contains(&milliseconds), "{text}");
    }
}

#[tokio::test]
async fn a_database_without_environments_or_keys_is_a_warning() {
    let database = Database::create(cluster()).await;
    let (_, conninfo) = bridge_role(&database).await;
    complains(&conninfo, &["warn  environments", "fauna.create_environment("]).await;
    database.execute("SELECT fauna.create_environment('lonely')").await;
    complains(
        &conninfo,
        &["warn  environment: lonely has 0 server and 0 client keys", "create_sdk_key('lonely')"],
    )
    .await;
    database
        .execute(
            "SELECT fauna.create_sdk_key('lonely', expires_at => now() - interval '1 hour');
             SELECT fauna.revoke_sdk_key(fauna.create_sdk_key('lonely'))",
        )
        .await;
    complains(&conninfo, &["warn  environment: lonely has 0 server"]).await;
    database.execute("SELECT fauna.create_sdk_key('lonely', 'client')").await;
    assert_eq!(complaints(&conninfo).await, Vec::<String>::new());
}
