//! What PostgreSQL and Redis do by themselves, by their own tools: `pgbench` with as many rows in a
//! transaction as divider writes at once, and `redis-benchmark` with a script that does what a claim
//! takes at least.

use std::fs;
use std::process::Command;
use std::time::Duration;

use divider_examples::journal::now_ns;
use divider_local_server::{LocalPostgres, RedisServer, Scratch};

use super::writes::{CLAIM, Over, Writes};
use crate::setup::Failure;

/// How many claims are one transaction, about as many as wait while another one commits.
const AT_ONCE: u32 = 500;

/// Claims a second in PostgreSQL, from several clients.
pub(super) fn postgres(server: &LocalPostgres, writes: Writes) -> Result<f64, Failure> {
    let Writes { keys, writers, over, .. } = writes;
    server.sql(&format!(
        "CREATE SEQUENCE part; CREATE TABLE bare (name bigint PRIMARY KEY, value bytea)
         WITH (fillfactor = 80);
         INSERT INTO bare SELECT n, '{CLAIM}'::bytea FROM generate_series(1, {keys}) AS n
         WHERE {}",
        over == Over::Claims
    ))?;
    let script = format!(
        "INSERT INTO bare SELECT p.p * {AT_ONCE} + n, '{CLAIM}'::bytea
         FROM (SELECT nextval('part') - 1 AS p) AS p, generate_series(1, {AT_ONCE}) AS n
         ON CONFLICT (name) DO UPDATE SET value = excluded.value;"
    );
    let folder = Scratch::new()?;
    let file = folder.path().join("claims.sql");
    fs::write(&file, script.replace('\n', " "))?;
    let transactions = keys.div_ceil(AT_ONCE).div_ceil(writers);
    let program = server.programs().join("pgbench");
    let program = if program.is_file() { program } else { "pgbench".into() };
    let begun = now_ns();
    run(Command::new(program)
        .args(["-n", "-c", &writers.to_string(), "-t", &transactions.to_string(), "-f"])
        .arg(&file)
        .arg(server.url()))?;
    Ok(rate(transactions * writers * AT_ONCE, begun))
}

/// Claims a second in Redis, from 50 clients with 16 commands on their way each.
pub(super) fn redis(server: &RedisServer, writes: Writes) -> Result<f64, Failure> {
    let script = "redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) \
                  return redis.call('XADD', KEYS[2], 'MAXLEN', '~', 10000, '*', ARGV[1], ARGV[2])";
    let (port, keys) = (server.port().to_string(), writes.keys.to_string());
    let begun = now_ns();
    run(Command::new("redis-benchmark")
        .args(["-p", &port, "-n", &keys, "-r", &keys, "-c", "50", "-P", "16", "-q"])
        .args(["EVAL", script, "2", "records", "changes", "__rand_int__", CLAIM]))?;
    Ok(rate(writes.keys, begun))
}

fn run(command: &mut Command) -> Result<(), Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("cannot run {program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program} failed: {}", String::from_utf8_lossy(&output.stderr)).into())
}

fn rate(keys: u32, begun_ns: u64) -> f64 {
    f64::from(keys) / Duration::from_nanos(now_ns() - begun_ns).as_secs_f64()
}
