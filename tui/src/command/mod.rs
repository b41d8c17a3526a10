//! The commands, one a file: what each is asked, and what it answers.

#![allow(clippy::doc_markdown, reason = "the comments of arguments are shown as they are")]

pub(crate) mod drain;
pub(crate) mod init;
pub(crate) mod keys;
pub(crate) mod nodes;
pub(crate) mod resume;

/// What `divider` alone answers.
pub(crate) const START_HERE: &str = "\
divider: look at groups of nodes that share keys, and say what you want of them

  divider status         how the group is, and what is wrong
  divider nodes          how each node is, and how many keys it has
  divider drain NODE     move everything off a node, and wait until it is done

All commands: divider help. Which server and context it uses: divider context info.
";
