//! `divider rebalance`

use clap::Args;

use crate::change_report::ChangeReport;
use crate::cli::Signed;
use crate::contract::{RebalancePlan, Shift};
use crate::exit::Outcome;
use crate::output::{Column, Format, List, answer, answer_json, count};
use crate::shell::Shell;

/// Rebalance with the fewest moves
///
/// Each node above its share gives away the keys that score lowest on it. While the group is frozen,
/// no key moves; the rebalance follows after the thaw.
#[derive(Debug, Args)]
pub(crate) struct RebalanceArgs {
    /// Show how many keys would move between which nodes, without moving them
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    signed: Signed,
}

const COLUMNS: &[Column<Shift>] = &[
    Column::new("FROM", |shift| shift.from.clone()),
    Column::new("TO", |shift| shift.to.clone()),
    Column::number("KEYS", |shift| shift.keys.to_string()),
];

impl RebalanceArgs {
    pub(crate) async fn run(self, shell: &Shell) -> Outcome {
        let group = shell.open().await?.group;
        let preview = group.preview_rebalance().await?;
        let plan = RebalancePlan::new(group.name(), &preview);
        if self.dry_run {
            let format = shell.output.format(&Format::OF_PLANS)?;
            if format == Format::Json {
                return answer_json(&plan);
            }
            let list = List { columns: COLUMNS, rows: &plan.shifts, kind: "node" };
            answer(&shell.output.table(&list, |_| true))?;
            say_shifts(shell, &plan);
            return Ok(());
        }
        say_shifts(shell, &plan);
        let edited = group.rebalance(&self.signed.why()).await?;
        let deed = ChangeReport::edited(format!("group/{}", group.name()), "rebalanced", edited);
        shell.answer_deeds(group.name().as_str(), &[deed])
    }
}

/// Says how much a rebalance moves.
pub(crate) fn say_shifts(shell: &Shell, plan: &RebalancePlan) {
    let keys = count(plan.moves(), "key");
    shell.output.say(&format!("plan: {keys} to move (revision {})", plan.revision));
}
