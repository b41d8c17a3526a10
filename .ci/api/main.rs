//! Lists the public interface of a crate, one item a line: `api-listing target/doc/CRATE.json`.

use std::collections::HashSet;
use std::error::Error;

use public_api::Builder;

fn main() -> Result<(), Box<dyn Error>> {
    let json = std::env::args_os().nth(1).ok_or("usage: api-listing RUSTDOC_JSON")?;
    let interface = Builder::from_rustdoc_json(json).omit_blanket_impls(true).build()?;
    // The type of the trait implementation whose items are being listed.
    let mut implementor = None;
    // A type that is public under two paths has its trait implementations under both.
    let mut listed = HashSet::new();
    for item in interface.items().map(ToString::to_string) {
        if is_implied(&item, implementor.as_deref()) {
            continue;
        }
        if item.starts_with("impl") {
            implementor = item.split_once(" for ").map(|(_, ty)| format!(" {ty}::"));
        }
        if !NEVER_PROMISED.iter().any(|of| item.contains(of)) && listed.insert(item.clone()) {
            println!("{item}");
        }
    }
    Ok(())
}

/// Whether it is a function of a trait implementation: the trait says already that it is there.
fn is_implied(item: &str, implementor: Option<&str>) -> bool {
    item.starts_with("pub ")
        && item.contains("fn ")
        && implementor.is_some_and(|implementor| item.contains(implementor))
}

/// Automatic traits that no caller of an asynchronous library relies on (`Send` and `Sync` stay), and
/// one that every derived `PartialEq` brings.
const NEVER_PROMISED: [&str; 6] = [
    "core::marker::Freeze for ",
    "core::marker::StructuralPartialEq for ",
    "core::marker::Unpin for ",
    "core::marker::UnsafeUnpin for ",
    "core::panic::unwind_safe::RefUnwindSafe for ",
    "core::panic::unwind_safe::UnwindSafe for ",
];
