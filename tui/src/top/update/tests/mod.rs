//! What keys and news lead to, without a terminal.

mod dialogs;
mod drains;
mod events;
mod links;
mod lists;
mod random;

use super::*;
use crate::top::fixture::{Play, drain_preview, node_id};
use crate::top::model::Overlay;
use crate::top::model::settings::Settings;

fn group() -> Play {
    Play::with_group(Settings::default())
}

fn dialog(play: &Play) -> &crate::top::model::dialog::Dialog {
    match &play.model.overlay {
        Overlay::Dialog(dialog) => dialog,
        other => panic!("no dialog: {other:?}"),
    }
}

fn selected(play: &Play) -> &str {
    play.model.nodes.selected().expect("a node").as_str()
}

/// Has the plan of the dialog that is open come in.
fn answer_drain(play: &mut Play) {
    let nodes = dialog(play).nodes.clone();
    let preview = Ok(drain_preview(play));
    play.news(News::DrainPlan { nodes, preview });
}

fn said(play: &Play) -> &str {
    play.model.note.as_ref().map_or("", |note| note.text.as_str())
}

/// A node of the whole group.
fn group_of(play: &Play, id: &str) -> divider::snapshot::NodeStatus {
    play.group().node(&node_id(id)).expect("there").clone()
}
