//! What the example programs share: the workers and their journals, and what can be proved from
//! those.

pub mod cli;
mod desk;
pub mod fleet;
pub mod history;
pub mod journal;
pub mod least;
pub mod proxy;
pub mod resident;
pub mod resource;
pub mod span;
pub mod worker;

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

#[cfg(test)]
mod tests {
    #[test]
    fn the_readme_names_this_version_in_its_lines_to_copy() {
        let version = env!("CARGO_PKG_VERSION");
        let (minor, _patch) = version.rsplit_once('.').expect("three numbers");
        let line = format!("divider = \"{minor}\"\n");
        assert!(include_str!("../../README.md").contains(&line), "{line}");
    }
}
