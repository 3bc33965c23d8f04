//! `fauna-bridge check`: would `serve` work with this configuration, and if not, what is to be done?

mod findings;

use std::io::{Write as _, stdout};
use std::time::Duration;

use crate::database::{
    ClockFacts, Database, DatabaseError, EnvironmentFacts, ExtensionFacts, Inspector, ListenFacts,
    PrivilegeFacts, ServerFacts,
};
use crate::options::ServeOptions;
use crate::snapshot::Folder;
use findings::{Finding, connection_advice};

/// The majors of PostgreSQL that Fauna is tested with.
const SUPPORTED: std::ops::RangeInclusive<i32> = 15..=18;

/// Clocks further apart let keys expire noticeably early or late.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(1);

/// Prints what it finds, a line each; true if `serve` would work.
///
/// # Errors
/// Standard output is closed.
pub async fn check(options: &ServeOptions) -> std::io::Result<bool> {
    let findings = examine(options).await;
    let mut output = stdout().lock();
    for finding in &findings {
        writeln!(output, "{finding}")?;
    }
    Ok(!findings.iter().any(Finding::is_failure))
}

async fn examine(options: &ServeOptions) -> Vec<Finding> {
    let mut findings = Vec::new();
    match Database::try_new(&options.database_url, options.database_timeout_ms) {
        Err(error) => {
            findings.push(Finding::failure("connection", error.to_string(), "Correct --database-url."));
        }
        Ok(database) => {
            match database.inspector().await {
                Err(error) => {
                    let advice = connection_advice(&error);
                    findings.push(Finding::failure("connection", error.to_string(), advice));
                }
                Ok(inspector) => {
                    // A question that fails ends the rest: the same would befall the next.
                    if let Err(error) = ask(&inspector, options, &mut findings).await {
                        let advice = "Look into the log of PostgreSQL.";
                        findings.push(Finding::failure("database", error.to_string(), advice));
                    }
                }
            }
            if let Some(path) = &options.snapshot_dir {
                findings.push(snapshots(&Folder::new(path.clone(), database.identity())));
            }
        }
    }
    findings
}

async fn ask(
    inspector: &Inspector<'_>,
    options: &ServeOptions,
    findings: &mut Vec<Finding>,
) -> Result<(), DatabaseError> {
    let server = inspector.server().await?;
    findings.push(connection(&server));
    findings.push(version(&server));
    let listening = inspector.listening().await?;
    findings.push(listen(&listening, options));
    findings.push(clock(&inspector.clock().await?));
    let installed = inspector.extension().await?;
    findings.push(extension(&installed, &server));
    if installed.installed.is_none() {
        return Ok(());
    }
    let privileges = inspector.privileges().await?;
    findings.extend(privileges_of(&privileges, &server));
    findings.push(subscription(&inspector.subscription().await?));
    if privileges.missing.is_empty() {
        findings.extend(environments(&inspector.environments().await?));
    }
    Ok(())
}

fn snapshots(folder: &Folder) -> Finding {
    let read = folder.try_writing().and_then(|()| folder.read());
    match read {
        Err(error) => Finding::failure(
            "snapshots",
            error.to_string(),
            "Let the user that runs the bridge write in --snapshot-dir, or name another folder.",
        ),
        Ok((read, ignored)) => match ignored.first() {
            Some(first) => Finding::warning(
                "snapshots",
                format!(
                    "{} of {} cannot be used, {}: {}",
                    ignored.len(),
                    ignored.len() + read.len(),
                    first.file,
                    first.error
                ),
                "They are replaced when the bridge has read the database; remove those of environments that are no more.",
            ),
            None => {
                Finding::fine("snapshots", format!("the folder can be written, and holds {}", read.len()))
            }
        },
    }
}

fn connection(server: &ServerFacts) -> Finding {
    Finding::fine("connection", format!("role {} reaches database {}", server.role, server.database))
}

fn version(server: &ServerFacts) -> Finding {
    let words = format!("PostgreSQL {}", server.version);
    let supported = format!("Fauna is tested with {} to {}.", SUPPORTED.start(), SUPPORTED.end());
    if server.major < *SUPPORTED.start() {
        Finding::failure("server", words, format!("Upgrade the server: {supported}"))
    } else if server.major > *SUPPORTED.end() {
        Finding::warning("server", words, format!("{supported} Look for a newer bridge."))
    } else {
        Finding::fine("server", words)
    }
}

fn listen(listening: &ListenFacts, options: &ServeOptions) -> Finding {
    let polls = format!("The bridge asks for changes every {} ms; ", options.poll_interval_ms.as_millis());
    match listening {
        ListenFacts::Arrives => {
            Finding::fine("listen", "a notification sent on one connection arrived on another")
        }
        ListenFacts::Standby => Finding::warning(
            "listen",
            "the server is a hot standby, which has no LISTEN",
            polls + "to hear of them at once, connect to the primary.",
        ),
        ListenFacts::Pooler => Finding::warning(
            "listen",
            "there is a pooler in transaction mode before PostgreSQL, which lets LISTEN go nowhere",
            polls + "to hear of them at once, connect to PostgreSQL itself or to a session pool.",
        ),
        ListenFacts::Apart => Finding::failure(
            "listen",
            "two connections reached different servers",
            "Name one server, or several with target_session_attrs, instead of a balancer.",
        ),
        ListenFacts::Silent => Finding::failure(
            "listen",
            "a notification sent on one connection did not arrive on another",
            "Connect to PostgreSQL itself: something in between holds notifications back.",
        ),
    }
}

fn clock(clock: &ClockFacts) -> Finding {
    let (milliseconds, place) =
        (clock.difference.as_millis(), if clock.is_behind { "behind" } else { "ahead of" });
    if clock.difference > CLOCK_TOLERANCE + clock.round_trip / 2 {
        Finding::warning(
            "clock",
            format!("this machine's clock is {milliseconds} ms {place} the database's"),
            "Let NTP set both: keys expire and rules begin by this machine's clock.",
        )
    } else {
        Finding::fine("clock", format!("this machine's is {milliseconds} ms {place} the database's"))
    }
}

fn extension(extension: &ExtensionFacts, server: &ServerFacts) -> Finding {
    let bridge = env!("CARGO_PKG_VERSION");
    let database = &server.database;
    match (&extension.installed, &extension.available) {
        (None, Some(_)) => Finding::failure(
            "extension",
            format!("database {database} has no extension fauna"),
            "Run CREATE EXTENSION fauna; in it, or name another database.",
        ),
        (None, None) => Finding::failure(
            "extension",
            "the server has no files of the extension fauna",
            "Install them on the machine of the server, then run CREATE EXTENSION fauna;",
        ),
        (Some(installed), _) if installed == bridge => {
            Finding::fine("extension", format!("fauna {installed}, as this bridge"))
        }
        (Some(installed), available) => {
            let words = format!("fauna {installed}, and this bridge is {bridge}");
            let advice = if available.as_deref() == Some(bridge) {
                "Run ALTER EXTENSION fauna UPDATE; and grant the profile bridge again."
            } else {
                "Install the same version of both; what the other does not know does not work."
            };
            Finding::warning("extension", words, advice)
        }
    }
}

fn privileges_of(privileges: &PrivilegeFacts, server: &ServerFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let grant = format!("Run SELECT fauna.grant('{}', 'bridge'); as the extension's owner.", server.role);
    if !privileges.missing.is_empty() {
        let words = format!("role {} lacks {}", server.role, privileges.missing.join(", "));
        findings.push(Finding::failure("privileges", words, grant));
    }
    if !privileges.unknown.is_empty() {
        let words = format!("this version of the extension has no {}", privileges.unknown.join(", "));
        findings.push(Finding::warning("privileges", words, "Run ALTER EXTENSION fauna UPDATE;"));
    }
    let own = "Give the bridge a role of its own with the profile bridge and nothing else.";
    if server.is_superuser {
        findings.push(Finding::warning("privileges", format!("role {} is a superuser", server.role), own));
    } else if let [first, rest @ ..] = &privileges.beyond[..] {
        let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        let words =
            format!("role {} may also use {first}{more}, which the bridge does not need", server.role);
        findings.push(Finding::warning("privileges", words, own));
    }
    if findings.is_empty() {
        findings.push(Finding::fine("privileges", "exactly those of the profile bridge"));
    }
    findings
}

fn subscription(tables: &[(String, bool)]) -> Finding {
    let copied = tables.iter().filter(|(_, is_copied)| *is_copied).count();
    match (tables.len(), copied) {
        (0, _) => Finding::fine("subscription", "none: flags are made in this database"),
        (2, 2) => Finding::fine("subscription", "fauna.heads and fauna.documents are copied and followed"),
        (1, _) => Finding::failure(
            "subscription",
            format!("only fauna.{} is subscribed to", tables[0].0),
            "Publish fauna.heads and fauna.documents, and refresh the subscription.",
        ),
        _ => Finding::failure(
            "subscription",
            "fauna.heads and fauna.documents are still being copied",
            "Wait until both are in state r in pg_subscription_rel; the log of PostgreSQL says what stops them.",
        ),
    }
}

fn environments(environments: &[EnvironmentFacts]) -> Vec<Finding> {
    if environments.is_empty() {
        return vec![Finding::warning(
            "environments",
            "there are none, so every key is unknown",
            "Run SELECT fauna.create_environment('production');",
        )];
    }
    let finding = |facts: &EnvironmentFacts| {
        let EnvironmentFacts { environment, server_keys, client_keys } = facts;
        let words =
            format!("{environment} has {server_keys} server and {client_keys} client keys that are valid");
        if server_keys + client_keys == 0 {
            let advice = format!(
                "Run SELECT fauna.create_sdk_key('{environment}'); nobody can read this environment."
            );
            return Finding::warning("environment", words, advice);
        }
        Finding::fine("environment", words)
    };
    environments.iter().map(finding).collect()
}
