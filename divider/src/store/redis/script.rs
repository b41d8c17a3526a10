//! The Lua scripts.

use std::sync::LazyLock;

use redis::Cmd;

/// A script and its hash, by which a server knows it once it has run.
pub(super) struct Script {
    code: &'static str,
    hash: LazyLock<String>,
}

macro_rules! scripts {
    ($($name:ident = $file:literal;)+) => {
        $(pub(super) static $name: Script = Script {
            code: include_str!($file),
            hash: LazyLock::new(|| hash(include_str!($file))),
        };)+
    };
}

scripts! {
    OPEN = "scripts/open.lua";
    WRITE = "scripts/write.lua";
    READ = "scripts/read.lua";
    PAGE = "scripts/page.lua";
    HISTORY_APPEND = "scripts/history_append.lua";
    HISTORY_READ = "scripts/history_read.lua";
    STATE_WRITE = "scripts/state_write.lua";
    STATE_READ = "scripts/state_read.lua";
}

fn hash(code: &str) -> String {
    redis::Script::new(code).get_hash().to_owned()
}

impl Script {
    /// Runs the script that the server has under its hash.
    pub(super) fn by_hash(&self, keys: &[&str], args: &[&[u8]]) -> Cmd {
        invoke("EVALSHA", &self.hash, keys, args)
    }

    /// Runs the script, after which the server has it.
    pub(super) fn by_code(&self, keys: &[&str], args: &[&[u8]]) -> Cmd {
        invoke("EVAL", self.code, keys, args)
    }
}

fn invoke(verb: &str, script: &str, keys: &[&str], args: &[&[u8]]) -> Cmd {
    let mut command = redis::cmd(verb);
    command.arg(script).arg(keys.len());
    for key in keys {
        command.arg(*key);
    }
    for arg in args {
        command.arg(*arg);
    }
    command
}
