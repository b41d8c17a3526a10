//! A server, before a group is opened on it: its schema, and the groups there.

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config};

use super::error::{OpenError, store_error, words};
use super::link::{ConnectFailed, Connector, Live, Param};
use super::options::PostgresOptions;
use super::schema::{Schema, VERSION};
use super::thread::OwnThread;
use super::tls::Tls;
use super::url;
use crate::id::GroupName;

/// The oldest server version that will do.
const OLDEST: i32 = 140_000;

/// A server that can be connected to.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) thread: Arc<OwnThread>,
    pub(super) connector: Connector,
    pub(super) schema: Schema,
}

impl Server {
    /// Reads the address. It connects to nothing.
    pub(super) fn new(
        options: &PostgresOptions,
        address: &str,
        group: &str,
    ) -> Result<Self, OpenError> {
        let invalid = |what: String| OpenError::Invalid { what };
        let schema = Schema::new(&options.schema).map_err(invalid)?;
        let (mut configs, tls) = url::parse(address).map_err(invalid)?;
        let tls = Tls::new(&tls).map_err(invalid)?;
        for config in &mut configs {
            tune(config, options, group);
        }
        let address: Arc<str> = url::without_secrets(address).into();
        let failed = |error: std::io::Error| OpenError::Connect {
            server: address.to_string(),
            source: error.into(),
        };
        let thread = Arc::new(OwnThread::start().map_err(failed)?);
        let connector = Connector {
            configs: configs.into(),
            last_good: Arc::default(),
            tls,
            runtime: thread.runtime.clone(),
            connect_timeout: options.connect_timeout,
            request_timeout: options.request_timeout,
            group: group.into(),
            address,
        };
        Ok(Self { thread, connector, schema })
    }

    pub(super) async fn connect(&self) -> Result<Live, OpenError> {
        let error = match self.connector.connect(None, None).await {
            Ok(live) => return Ok(live),
            Err(error) => error,
        };
        let what = error.words();
        if what.contains("does not allow writes") {
            return Err(OpenError::ReadOnly { what });
        }
        if what.contains("unsupported startup parameter") {
            let what = format!(
                "a pooler such as PgBouncer is between this program and the server: open the group with \
                 notify(false), or connect to the server itself: {what}"
            );
            return Err(OpenError::Invalid { what });
        }
        let source = match error {
            ConnectFailed::Client(error) => error.into(),
            other => other.into(),
        };
        Err(OpenError::Connect { server: self.connector.address.to_string(), source })
    }

    pub(super) async fn check_version(&self, client: &Client) -> Result<(), OpenError> {
        let rows = client.query_typed("SHOW server_version_num", &[]).await;
        let rows = rows.map_err(|error| self.error(&error))?;
        let found: String = rows.first().and_then(|row| row.try_get(0).ok()).unwrap_or_default();
        if found.parse::<i32>().is_ok_and(|version| version < OLDEST) {
            return Err(OpenError::ServerTooOld { found });
        }
        Ok(())
    }

    pub(super) async fn check_schema(&self, client: &Client) -> Result<(), OpenError> {
        let schema = || self.schema.name().to_owned();
        let statement = format!("SELECT version FROM {}.schema_version", self.schema);
        let rows = client.query_typed(&statement, &[]).await;
        let rows = rows.map_err(|error| self.error(&error))?;
        match rows.first().and_then(|row| row.try_get::<_, i32>(0).ok()) {
            Some(VERSION) => Ok(()),
            Some(found) => {
                Err(OpenError::SchemaVersion { schema: schema(), found, needed: VERSION })
            }
            None => Err(OpenError::NoSchema { schema: schema() }),
        }
    }

    /// Creates the schema with its tables and functions, unless they are there.
    pub(super) async fn create_schema(&self, client: &Client) -> Result<(), OpenError> {
        // `to_regclass` would answer from a cache that does not know what the other one has
        // created.
        let statement = "SELECT 1 FROM pg_catalog.pg_class AS c \
                         JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
                         WHERE n.nspname = $1 AND c.relname = 'schema_version'";
        let name = self.schema.name();
        let exists = async || {
            let rows = client.query_typed(statement, &[(&name, Type::TEXT)]).await?;
            Ok::<bool, tokio_postgres::Error>(!rows.is_empty())
        };
        if exists().await.map_err(|error| self.error(&error))? {
            return Ok(());
        }
        let create = async || {
            // Whoever waits here finds the tables of the other one.
            let lock = "BEGIN; SELECT pg_advisory_xact_lock(hashtext('divider schema'))";
            client.batch_execute(lock).await?;
            if !exists().await? {
                client.batch_execute(&self.schema.statements()).await?;
            }
            client.batch_execute("COMMIT").await
        };
        create().await.map_err(|error| self.error(&error))
    }

    pub(super) async fn has_group(
        &self,
        client: &Client,
        group: &GroupName,
    ) -> Result<bool, OpenError> {
        let statement = format!("SELECT 1 FROM {}.groups WHERE name = $1", self.schema);
        let rows = client.query_typed(&statement, &[(&group.as_str(), Type::TEXT)]).await;
        Ok(!rows.map_err(|error| self.error(&error))?.is_empty())
    }

    pub(super) async fn create_group(
        &self,
        client: &Client,
        group: &GroupName,
        max_bytes: Option<u64>,
    ) -> Result<(), OpenError> {
        let statement = format!(
            "INSERT INTO {}.groups (name, max_bytes) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            self.schema
        );
        let max_bytes = max_bytes.map(|max| i64::try_from(max).unwrap_or(i64::MAX));
        let params: [Param<'_>; 2] = [(&group.as_str(), Type::TEXT), (&max_bytes, Type::INT8)];
        let created = client.query_typed(&statement, &params).await;
        created.map(drop).map_err(|error| self.error(&error))
    }

    /// The groups, sorted by name.
    pub(super) async fn groups(&self, client: &Client) -> Result<Vec<GroupName>, OpenError> {
        let statement = format!("SELECT name FROM {}.groups ORDER BY name", self.schema);
        let rows = client.query_typed(&statement, &[]).await;
        let rows = rows.map_err(|error| self.error(&error))?;
        let names = rows.iter().filter_map(|row| row.try_get::<_, &str>(0).ok());
        Ok(names.filter_map(|name| GroupName::new(name).ok()).collect())
    }

    pub(super) async fn delete(&self, client: &Client, group: &GroupName) -> Result<(), OpenError> {
        let statement = format!("DELETE FROM {}.groups WHERE name = $1 RETURNING id", self.schema);
        let rows = client.query_typed(&statement, &[(&group.as_str(), Type::TEXT)]).await;
        if rows.map_err(|error| self.error(&error))?.is_empty() {
            return Err(OpenError::NoGroup { group: group.to_string() });
        }
        Ok(())
    }

    pub(super) fn error(&self, error: &tokio_postgres::Error) -> OpenError {
        match error.code() {
            Some(&(SqlState::INVALID_SCHEMA_NAME | SqlState::UNDEFINED_TABLE)) => {
                OpenError::NoSchema { schema: self.schema.name().to_owned() }
            }
            Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => {
                OpenError::ReadOnly { what: words(error) }
            }
            _ => store_error(error, &self.connector.group).into(),
        }
    }
}

/// Sets what leases depend on.
fn tune(config: &mut Config, options: &PostgresOptions, group: &str) {
    if config.get_application_name().is_none() {
        config.application_name(format!("divider {group}").chars().take(63).collect::<String>());
    }
    config.keepalives_idle(Duration::from_secs(10));
    config.keepalives_interval(Duration::from_secs(3));
    config.keepalives_retries(3);
    config.tcp_user_timeout(options.request_timeout * 2);
    if options.notify {
        let ms = options.request_timeout.as_millis().max(1);
        let given = config.get_options().map(|given| format!("{given} ")).unwrap_or_default();
        config.options(format!("{given}-c statement_timeout={ms}"));
    }
}
