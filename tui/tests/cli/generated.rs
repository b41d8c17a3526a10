//! What is generated from the command line: help, manual page, completions.

use crate::bed::{Bed, answered};

/// Every command, as `divider help` lists them.
async fn commands(bed: &Bed) -> Vec<String> {
    let help = bed.answer(&["--help"]).await;
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let list = list.take_while(|line| !line.is_empty());
    // A line that goes on begins farther right.
    list.filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(ToOwned::to_owned)
        .collect()
}

/// Help without the connection's and output's flags, which are the same everywhere.
fn own_part(help: &str) -> String {
    let end = help.find("\nConnection").unwrap_or(help.len());
    help[..end].to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_help_of_every_command_is_as_it_was_decided() {
    let bed = Bed::start();
    insta::assert_snapshot!("help", bed.answer(&["--help"]).await);
    insta::assert_snapshot!("short-help", bed.answer(&["-h"]).await);
    insta::assert_snapshot!("alone", bed.answer(&[]).await);
    let names = commands(&bed).await;
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        let help = bed.answer(&[&name, "--help"]).await;
        insta::assert_snapshot!(format!("help-{name}"), own_part(&help));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manual_page_has_every_command() {
    let bed = Bed::start();
    let folder = bed.config.path().to_str().expect("a text");
    let page = bed.answer(&["man"]).await;
    assert!(page.starts_with(".ie") && page.contains(".TH divider 1"), "{page}");
    bed.answer(&["man", "--dir", folder]).await;
    for name in commands(&bed).await {
        assert!(page.contains(&name.replace('-', "\\-")), "{name}");
        let own = bed.config.path().join(format!("divider-{name}.1"));
        let own = std::fs::read_to_string(own).expect(&name);
        assert!(own.contains(".SH SYNOPSIS"), "{own}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_shell_has_completions_of_every_command() {
    let bed = Bed::start();
    let names = commands(&bed).await;
    let script = async |shell| answered(&bed.run(&["completion", shell]).await);
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        // It asks this command, which `hands` checks.
        let text = script(shell).await;
        assert!(text.contains("COMPLETE") && text.contains("divider"), "{shell}: {text}");
    }
    let text = script("nushell").await;
    for name in &names {
        assert!(text.contains(name.as_str()), "{name}");
    }
    assert!(text.contains("on-deadline"), "{text}");
}
