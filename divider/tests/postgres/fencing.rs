//! The guide's statement for fenced writes, as PostgreSQL carries it out.

use divider_local_server::LocalPostgres;
use tokio_postgres::{Client, NoTls};

use super::support::{in_time, server};

/// The statement of the guide that begins with these words.
fn statement(begin: &str) -> String {
    let guide = include_str!("../../docs/fencing.md");
    let blocks = guide.split("```sql\n").skip(1).filter_map(|block| block.split("```").next());
    let block = blocks.into_iter().find(|block| block.starts_with(begin));
    block.expect("the guide has it").to_owned()
}

async fn connect(server: &LocalPostgres) -> Client {
    let (client, connection) =
        tokio_postgres::connect(&server.url(), NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lower_token_changes_nothing_and_a_newer_owner_waits_for_the_older() {
    let Some(server) = server() else { return };
    let (mut old, mut new) = (connect(server).await, connect(server).await);
    let create = statement("CREATE TABLE owners");
    let work = "CREATE TABLE work (key TEXT, text TEXT)";
    old.batch_execute(&format!("{create}{work}")).await.expect("tables");
    let fence = statement("INSERT INTO owners");
    let begin = old.transaction().await.expect("begun");
    let changed = begin.execute(&fence, &[&"a", &7_i64]).await.expect("asked");
    assert_eq!(changed, 1, "the first owner");
    begin.execute("INSERT INTO work VALUES ('a', 'old')", &[]).await.expect("written");
    // The newer owner comes in the middle of that. It sees what the older one writes.
    let asked = async {
        let newer = new.transaction().await.expect("begun");
        let changed = newer.execute(&fence, &[&"a", &9_i64]).await.expect("asked");
        assert_eq!(changed, 1);
        let count = newer.query_one("SELECT count(*) FROM work", &[]).await.expect("read");
        newer.commit().await.expect("committed");
        count.get::<_, i64>(0)
    };
    let (count, ()) = in_time(async {
        tokio::join!(asked, async {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            begin.commit().await.expect("committed");
        })
    })
    .await;
    assert_eq!(count, 1, "it waited");
    for (token, want) in [(7_i64, 0), (8, 0), (9, 1), (10, 1), (9, 0)] {
        let changed = old.execute(&fence, &[&"a", &token]).await.expect("asked");
        assert_eq!(changed, want, "token {token}");
    }
    assert_eq!(old.execute(&fence, &[&"b", &1_i64]).await.expect("asked"), 1, "another key");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_row_with_its_token_is_enough() {
    let Some(server) = server() else { return };
    let client = connect(server).await;
    let create = "CREATE TABLE accounts (id TEXT, balance BIGINT, token BIGINT);
        INSERT INTO accounts VALUES ('a', 0, 5)";
    client.batch_execute(create).await.expect("a table");
    let update = statement("UPDATE accounts");
    for (token, want) in [(4_i64, 0), (5, 1), (6, 1), (5, 0)] {
        let changed = client.execute(&update, &[&"a", &token, &token]).await.expect("asked");
        assert_eq!(changed, want, "token {token}");
    }
    let row = client.query_one("SELECT balance FROM accounts", &[]).await.expect("read");
    assert_eq!(row.get::<_, i64>(0), 6);
}
