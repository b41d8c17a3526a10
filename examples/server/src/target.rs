use std::env;
use std::path::{Path, PathBuf};

/// Cargo's target folder of this workspace, where the pinned nats-server is kept: `CARGO_TARGET_DIR`
/// if it is set (below the workspace if it is relative), otherwise `target` in the workspace.
pub fn target_dir() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let workspace = workspace.canonicalize().unwrap_or(workspace);
    // `join` with an absolute path is that path.
    workspace.join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}
