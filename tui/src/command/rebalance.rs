//! `divider rebalance`

use clap::Args;
use divider::{Group, NodeId};

use crate::ask::{Answer, ask};
use crate::change_report::ChangeReport;
use crate::cli::Signed;
use crate::contract::{RebalancePlan, Shift};
use crate::exit::{Exit, Failure, Outcome};
use crate::look::Look;
use crate::output::{Column, Format, List, answer, answer_json, count};
use crate::shell::Shell;

/// Rebalance with the fewest moves
///
/// It shows the plan and asks before running keys move. Each node above its share gives away the keys
/// that score lowest on it. While the group is frozen, no key moves; the rebalance follows after the
/// thaw.
#[derive(Debug, Args)]
pub(crate) struct RebalanceArgs {
    /// Show how many keys would move between which nodes, without moving them
    #[arg(long)]
    dry_run: bool,
    /// Do not ask for confirmation
    #[arg(short, long)]
    yes: bool,
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
        let plan = preview(&group, &[]).await?;
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
        confirm(shell, &group, &plan, &[], self.yes).await?;
        let edited = group.rebalance(&self.signed.why()).await?;
        let change =
            ChangeReport::edited(format!("group/{}", group.name()), "rebalance requested", edited);
        shell.answer_changes(group.name().as_str(), &[change])
    }
}

/// Has a rebalance confirmed that moves keys. What was seen has to be what is done.
pub(crate) async fn confirm(
    shell: &Shell,
    group: &Group,
    plan: &RebalancePlan,
    resumed: &[NodeId],
    yes: bool,
) -> Outcome {
    if yes || plan.moves() == 0 {
        return Ok(());
    }
    let list = List { columns: COLUMNS, rows: &plan.shifts, kind: "node" };
    shell.output.table(&list, |_| true).lines().for_each(|line| shell.output.say(line));
    let keys = count(plan.moves(), "key");
    let answered = ask(&format!("Rebalance and move {keys}?"))?;
    if answered.await.unwrap_or(Answer::No) == Answer::No {
        return Err(Failure::new(Exit::Refused, "not confirmed, nothing changed"));
    }
    let now = preview(group, resumed).await?;
    if now.shifts == plan.shifts {
        return Ok(());
    }
    let words = "the plan changed before it was confirmed, nothing changed; run the command again";
    let (before, after) = (plan.moves(), now.moves());
    Err(Failure::new(Exit::Conflict, format!("{words}: {before} -> {after} keys")))
}

/// What a rebalance would do, after these nodes are resumed.
pub(crate) async fn preview(group: &Group, resumed: &[NodeId]) -> Result<RebalancePlan, Failure> {
    let mut watch = group.watch();
    Look::first(&mut watch).await?;
    let preview = watch.preview_resume(resumed)?;
    watch.close().await;
    Ok(RebalancePlan::new(group.name(), &preview))
}

/// Says how much a rebalance moves.
pub(crate) fn say_shifts(shell: &Shell, plan: &RebalancePlan) {
    let keys = count(plan.moves(), "key");
    shell.output.say(&format!("plan: {keys} to move (revision {})", plan.revision));
}
