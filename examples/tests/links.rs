//! Every link of the documents to a file of the repository, relative or absolute, leads to a file that is
//! there, and to a heading in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The repository.
fn root() -> PathBuf {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    above.expect("the crate is in a folder of it").to_owned()
}

/// All files with this ending, but what is built and what is hidden.
fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the repository") {
        let path = entry.expect("readable").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            files(&path, ending, found);
        } else if path.extension().is_some_and(|own| own == ending) {
            found.push(path);
        }
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The lines of a document outside of blocks of code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    })
}

/// A line without what stands between backticks.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

/// Where the links of a document lead to, in its own words.
fn links(text: &str) -> Vec<String> {
    let mut links = Vec::new();
    for line in prose(text) {
        let line = without_code(line);
        for behind in line.split("](").skip(1) {
            links.extend(behind.split([')', ' ']).next().map(ToOwned::to_owned));
        }
        // `[name]: target`
        let named = line.strip_prefix('[').and_then(|line| line.split_once("]: "));
        links.extend(named.map(|(_, target)| target.trim().to_owned()));
    }
    links
}

fn is_elsewhere(link: &str) -> bool {
    link.contains("://") || link.starts_with("mailto:")
}

/// The address of the repository, as the packages have it.
fn repository() -> String {
    let manifest = read(&root().join("Cargo.toml"));
    let line = manifest.lines().find_map(|line| line.strip_prefix("repository = "));
    line.expect("the workspace names it").trim_matches('"').trim_end_matches('/').to_owned()
}

/// Pages that the host of the repository makes, and no file.
const PAGES: [&str; 7] =
    ["issues", "pulls", "discussions", "releases", "commits", "actions", "security"];

/// What is wrong with an absolute link to the repository. `None` also for a link to elsewhere.
fn fault_of_absolute(repository: &str, link: &str) -> Option<String> {
    let rest = link.strip_prefix(repository)?;
    // The repository itself, or another one whose name begins like this one's.
    let rest = rest.strip_prefix('/').filter(|rest| !rest.is_empty())?;
    let mut parts = rest.splitn(3, '/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("blob" | "tree" | "raw"), Some(_), Some(path)) => {
            let path = path.split('?').next().unwrap_or(path);
            fault(&root().join("README.md"), path)
        }
        (Some(page), ..) if PAGES.contains(&page) => None,
        _ => Some("the repository has no such page".to_owned()),
    }
}

/// The anchors of a document's headings, as hosts of repositories and rustdoc make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let headings = prose(text).filter(|line| line.starts_with('#'));
    for heading in headings.map(|line| line.trim_start_matches('#').trim()) {
        let kept = heading.to_lowercase();
        let kept = kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let same = (0..).map(|n| if n == 0 { anchor.clone() } else { format!("{anchor}-{n}") });
        anchors.extend(same.into_iter().find(|anchor| !anchors.contains(anchor)));
    }
    anchors
}

/// What is wrong with a link of that file.
fn fault(file: &Path, link: &str) -> Option<String> {
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = match path {
        "" => file.to_owned(),
        path => file.parent().expect("a file is in a folder").join(path),
    };
    if !target.exists() {
        return Some("there is no such file".to_owned());
    }
    let is_document = target.extension().is_some_and(|ending| ending == "md");
    if anchor.is_empty() || (is_document && anchors(&read(&target)).contains(anchor)) {
        return None;
    }
    Some("there is no such heading".to_owned())
}

#[test]
fn every_relative_link_leads_somewhere() {
    let mut documents = Vec::new();
    files(&root(), "md", &mut documents);
    let (mut faults, mut count) = (Vec::new(), 0);
    for document in &documents {
        for link in links(&read(document)).iter().filter(|link| !is_elsewhere(link)) {
            count += 1;
            let fault = fault(document, link);
            faults.extend(fault.map(|fault| format!("{}: {link}: {fault}", document.display())));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(documents.len() > 5 && count > 50, "the documents are not found: {count} links");
}

#[test]
fn every_absolute_link_to_the_repository_leads_somewhere() {
    let mut documents = Vec::new();
    for ending in ["md", "rs", "toml", "yml"] {
        files(&root(), ending, &mut documents);
    }
    let repository = repository();
    let is_of_address = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#@!$&*+,;=%".contains(c);
    let (mut faults, mut count) = (Vec::new(), 0);
    for document in documents.iter().filter(|path| !path.ends_with("examples/tests/links.rs")) {
        let text = read(document);
        for behind in text.split(&repository).skip(1) {
            let end = behind.find(|c: char| !is_of_address(c)).unwrap_or(behind.len());
            let link =
                format!("{repository}{}", behind[..end].trim_end_matches(['.', ',', ':', ';']));
            count += 1;
            let fault = fault_of_absolute(&repository, &link);
            faults.extend(fault.map(|fault| format!("{}: {link}: {fault}", document.display())));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(count > 5, "the links are not found: {count}");
}

#[test]
fn an_absolute_link_is_checked_as_a_relative_one() {
    let of = |rest: &str| fault_of_absolute("https://host/a/b", &format!("https://host/a/b{rest}"));
    for fine in ["", "/", "/issues/7", "/blob/main/README.md", "/tree/v1/docs", "-other/x"] {
        assert_eq!(of(fine), None, "{fine}");
    }
    assert!(of("/blob/main/no.md").is_some());
    assert!(of("/blob/main/README.md#no-such-heading").is_some());
    assert!(of("/wiki").is_some());
    assert_eq!(fault_of_absolute("https://host/a/b", "https://else/no.md"), None);
}

/// Rustdoc shows a document beside other files than those that are around it in the repository.
#[test]
fn a_document_that_is_part_of_the_crates_documentation_leads_to_no_file() {
    let mut sources = Vec::new();
    files(&root().join("divider/src"), "rs", &mut sources);
    let mut shown = BTreeSet::new();
    for source in &sources {
        let folder = source.parent().expect("a file is in a folder");
        for behind in read(source).split("doc = include_str!(\"").skip(1) {
            shown.extend(behind.split('"').next().map(|path| folder.join(path)));
        }
    }
    assert!(!shown.is_empty(), "the crate's documentation includes some");
    for document in shown {
        for link in links(&read(&document)).iter().filter(|link| !is_elsewhere(link)) {
            assert!(link.starts_with('#'), "{}: {link}", document.display());
        }
    }
}

#[test]
fn links_and_headings_are_found() {
    let text = "# A `b` c, d!\n## A b c d\n[one](x.md#y) ![two](z.png \"a\") `[no](no)`\n\
                ```\n[no](no)\n# no\n```\n[three]: w.md\n";
    assert_eq!(links(text), ["x.md#y", "z.png", "w.md"]);
    assert_eq!(anchors(text), BTreeSet::from(["a-b-c-d".to_owned(), "a-b-c-d-1".to_owned()]));
    let file = root().join("README.md");
    assert_eq!(fault(&file, "README.md"), None);
    assert!(fault(&file, "#no-such-heading").is_some() && fault(&file, "no.md").is_some());
}
