//! `divider moves`

use clap::Args;

use crate::command::keys::or_dash;
use crate::command::nodes::span;
use crate::contract::{Head, MoveRow, MovesDocument, moves_of};
use crate::exit::Outcome;
use crate::look::{EveryArgs, FromArgs, Look};
use crate::output::{Column, List, tone_of};
use crate::shell::Shell;
use crate::words::sum_up;

/// List the keys that are moving from one owner to another
///
/// Keys that are stopping, have no owner, or run on another node than planned. AGE is the age of an
/// unconfirmed stop, as its node reports it; of other moves it is known with --watch.
#[derive(Debug, Args)]
pub(crate) struct MovesArgs {
    #[command(flatten)]
    every: EveryArgs,
    #[command(flatten)]
    from: FromArgs,
}

const COLUMNS: &[Column<MoveRow>] = &[
    Column::new("KEY", |row: &MoveRow| row.key.clone()),
    Column::new("FROM", |row: &MoveRow| or_dash(row.from.as_ref())),
    Column::new("TO", |row: &MoveRow| or_dash(row.to.as_ref())),
    Column::new("STEP", |row: &MoveRow| row.step.as_str().to_owned())
        .toned(|row| tone_of(row.step.as_str())),
    Column::number("AGE", |row: &MoveRow| span(row.age_ms)),
];

impl MovesArgs {
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        shell.look_every(&self.from, &self.every, |look| show(shell, look)).await
    }
}

fn show(shell: &Shell, look: &Look) -> Outcome {
    let rows = moves_of(&look.snapshot, &look.viewer);
    let head = Head::new("divider.moves.v1", &look.snapshot, &look.viewer);
    let document = MovesDocument { head, moves: &rows };
    shell.output.list(&List { columns: COLUMNS, rows: &rows, kind: "key" }, &document)?;
    sum_up(&shell.output, &look.snapshot);
    Ok(())
}
