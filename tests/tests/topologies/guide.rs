//! `docs/topologies.md` tells the truth: its statements run in the order given, on the servers that it names, with the
//! answers that it gives.

use fauna_tests::{Cluster, Database, Pooler, eventually};
use tokio_postgres::Client;

use crate::answers::{ask, ask_all};
use crate::invariants::assert_consistent;
use crate::standby::caught_up;

const GUIDE: &str = include_str!("../../../docs/topologies.md");

/// A block of SQL: the server that its first line names, and the rest.
fn blocks() -> Vec<(&'static str, &'static str)> {
    let blocks = GUIDE.split("```sql\n-- ").skip(1);
    blocks.filter_map(|block| block.split("```").next()?.split_once('\n')).collect()
}

/// The statements of a block, each with the answer promised after it, if there is one.
fn statements(block: &str) -> Vec<(String, Option<&str>)> {
    let mut statements = Vec::new();
    let mut statement = String::new();
    for line in block.lines() {
        let (sql, answer) =
            line.split_once(";  -- ").map_or((line, None), |(sql, answer)| (sql, Some(answer)));
        statement.push_str(sql);
        statement.push('\n');
        if answer.is_some() || sql.ends_with(';') {
            statements.push((std::mem::take(&mut statement), answer));
        }
    }
    assert_eq!(statement, "", "an unfinished statement");
    statements
}

/// Runs a block in one session and checks the answers.
async fn execute(client: &Client, block: &str, publisher: &str) {
    for (statement, answer) in statements(block) {
        let statement = statement.replace("host=primary.example dbname=shop user=fauna_edge", publisher);
        match answer {
            Some(answer) => assert_eq!(ask(client, &statement).await, answer, "{statement}"),
            None => drop(ask_all(client, &statement).await),
        }
    }
}

#[tokio::test]
async fn the_statements_run_where_the_guide_says_and_answer_what_it_says() {
    let (first, replica_cluster) = (Cluster::start(), Cluster::start());
    let shop = Database::create(&first).await;
    shop.execute(
        "SELECT fauna.create_environment('production'), fauna.create_environment('staging'), fauna.create_flag('checkout');
        SELECT fauna.enable('checkout')",
    )
    .await;
    let second = first.standby();
    let pooler = Pooler::start(&second, &[]);
    let standby = Database::existing(&second, shop.name());
    let replica = Database::create_empty(&replica_cluster).await;
    let publisher = format!("host=127.0.0.1 port={} dbname={} user=fauna_edge", second.port(), shop.name());
    caught_up(&shop, &standby).await;

    let mut is_promoted = false;
    let blocks = blocks();
    assert_eq!(blocks.len(), GUIDE.matches("```sql").count(), "every block says where it runs");
    for (place, block) in blocks {
        let client = match place {
            "on the primary" if is_promoted => standby.connect().await,
            "on the primary" => shop.connect().await,
            "on the standby" => standby.connect().await,
            "on the promoted standby" => {
                first.stop();
                second.promote();
                is_promoted = true;
                standby.connect().await
            }
            "on the replica" => replica.connect().await,
            "on the replica, when ready" => ready(&replica).await,
            "through the pooler" => pooler.connect(&standby).await,
            other => panic!("no such server: {other}"),
        };
        execute(&client, block, &publisher).await;
    }
    assert!(is_promoted);
    assert_consistent(&standby).await;
    assert_consistent(&replica).await;
}

/// A session of the replica once its tables are synchronised.
async fn ready(replica: &Database<'_>) -> Client {
    let client = replica.connect().await;
    eventually("both tables are synchronised", || async {
        let states = "SELECT string_agg(srsubstate, '') FROM pg_subscription_rel";
        (ask(&client, states).await == "rr").then_some(())
    })
    .await;
    client
}
