//! For tools: the groups of a server, its settings, and the end of a group.

use redis::Cmd;

use super::super::StoreError;
use super::error::{Failure, OpenError};
use super::inspect::{Inspection, inspect_on};
use super::keys::Keys;
use super::link::{Link, Live};
use super::options::RedisOptions;
use super::record::{data, list, number, parts};
use crate::id::GroupName;

impl RedisOptions {
    /// The groups of a server, sorted by name. The server looks through all its keys for them, some at a
    /// time. It takes the right to run `SCAN`.
    ///
    /// # Errors
    /// [`OpenError::Address`], [`OpenError::Denied`], [`OpenError::Store`].
    ///
    /// # Cancel safety
    /// Cancel safe: it changes nothing.
    pub async fn groups(&self, urls: impl AsRef<str>) -> Result<Vec<GroupName>, OpenError> {
        let link = self.link(urls.as_ref(), any_group())?;
        let mut live = link.for_tools().await?;
        let mut groups = Vec::new();
        for key in scan(&link, &mut live, Keys::LOGS).await? {
            groups.extend(Keys::group_of_log(&key));
        }
        groups.sort();
        groups.dedup();
        Ok(groups)
    }

    /// Deletes a group for good, with its keys, claims, history and checkpoints. Its nodes stop all work
    /// when they notice it, at the latest when their leases end. It takes the rights to run `DEL` and
    /// `SCAN`.
    ///
    /// # Errors
    /// [`OpenError::Address`], [`OpenError::NoGroup`], [`OpenError::Denied`], [`OpenError::Store`].
    ///
    /// # Cancel safety
    /// If it is dropped before it is done, the group does not exist any more, or still does.
    /// Checkpoints may be left, which the next deletion removes.
    pub async fn delete(&self, urls: impl AsRef<str>, group: &GroupName) -> Result<(), OpenError> {
        let link = self.link(urls.as_ref(), group.clone())?;
        let mut live = link.for_tools().await?;
        let states = scan(&link, &mut live, &link.keys().states()).await?;
        let mut delete = redis::cmd("DEL");
        // The log goes with the first command: from then on the group does not exist.
        for key in link.keys().of_group() {
            delete.arg(key);
        }
        let deleted = number(&ask(&link, &mut live, &delete).await?)?;
        for keys in states.chunks(500) {
            let mut delete = redis::cmd("DEL");
            delete.arg(keys);
            ask(&link, &mut live, &delete).await?;
        }
        if deleted == 0 {
            return Err(OpenError::NoGroup { group: group.to_string() });
        }
        Ok(())
    }

    /// What a server says about itself: what it may lose, and how full it is. It takes the right to run
    /// `INFO`.
    ///
    /// # Errors
    /// [`OpenError::Address`], [`OpenError::Denied`], [`OpenError::Store`].
    ///
    /// # Cancel safety
    /// Cancel safe: it changes nothing.
    pub async fn inspect(&self, urls: impl AsRef<str>) -> Result<Inspection, OpenError> {
        let link = self.link(urls.as_ref(), any_group())?;
        let live = link.for_tools().await?;
        Ok(inspect_on(&link, live).await?)
    }
}

/// For requests that are about no group.
fn any_group() -> GroupName {
    GroupName::new("none").expect("it is legal")
}

async fn ask(link: &Link, live: &mut Live, command: &Cmd) -> Result<redis::Value, StoreError> {
    link.command(live, command).await.map_err(Failure::into_error)
}

/// The keys of a server that a pattern covers. Some may come twice.
async fn scan(link: &Link, live: &mut Live, pattern: &str) -> Result<Vec<String>, StoreError> {
    let (mut cursor, mut found) = (String::from("0"), Vec::new());
    loop {
        let mut command = redis::cmd("SCAN");
        command.arg(&cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(1000);
        let [next, keys] = parts(ask(link, live, &command).await?)?;
        for key in list(keys)? {
            found.push(String::from_utf8_lossy(data(&key)?).into_owned());
        }
        cursor = String::from_utf8_lossy(data(&next)?).into_owned();
        if cursor == "0" {
            return Ok(found);
        }
    }
}
