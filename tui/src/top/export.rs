//! What is on the screen, written to a file.

use super::model::{Model, View};
use super::update::Effect;

/// Writes a file that is not there yet. Gives what was done.
pub(super) fn write(name: &str, text: &str) -> Result<String, String> {
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(name);
    let written = file.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
    match written {
        Ok(()) => Ok(format!("wrote {name}")),
        Err(error) => Err(format!("cannot write {name}: {error}")),
    }
}

impl Model {
    /// The name that is proposed for a file of the list that is shown.
    pub(super) fn export_name(&self) -> String {
        let view = self.view.as_str().to_lowercase();
        format!("divider-{}-{view}-{}.csv", self.place.group, self.now.unix_ms / 1000)
    }

    /// Has the list that is shown written to a file of that name.
    pub(super) fn export_as(&self, name: &str) -> Vec<Effect> {
        let name = name.trim().to_owned();
        if name.is_empty() {
            return Vec::new();
        }
        let (head, rows): (&str, Vec<Vec<String>>) = match self.view {
            View::Nodes => ("node,state,affinity,keys,target", self.node_rows()),
            View::Keys | View::Moves => ("key,owner,phase,token,to", self.key_rows()),
            View::Events => ("unix_ms,about,severity,what", self.event_rows()),
            View::Groups => {
                ("group", self.groups.ids().iter().map(|g| vec![g.to_string()]).collect())
            }
        };
        let mut text = format!("{head}\n");
        for row in rows {
            let cells: Vec<String> = row.iter().map(|cell| quoted(cell)).collect();
            text += &cells.join(",");
            text.push('\n');
        }
        vec![Effect::Export { name, text }]
    }

    fn node_rows(&self) -> Vec<Vec<String>> {
        let nodes = self.nodes.ids().iter().filter_map(|id| self.snapshot().node(id));
        let row = |node: &divider::snapshot::NodeStatus| {
            vec![
                node.node.to_string(),
                node.state.as_str().to_owned(),
                node.effective_affinity.to_string(),
                node.keys.to_string(),
                node.target.to_string(),
            ]
        };
        nodes.map(row).collect()
    }

    fn key_rows(&self) -> Vec<Vec<String>> {
        let ids = if self.view == View::Keys { self.keys.ids() } else { self.moves.ids() };
        let known = ids.iter().filter_map(|key| Some((key, self.snapshot().key(key)?)));
        let name = |node: &Option<divider::NodeId>| {
            node.as_ref().map_or(String::new(), ToString::to_string)
        };
        known
            .map(|(key, status)| {
                vec![
                    key.to_string(),
                    name(&status.owner),
                    status.phase.as_str().to_owned(),
                    status.token.to_string(),
                    name(&status.to),
                ]
            })
            .collect()
    }

    fn event_rows(&self) -> Vec<Vec<String>> {
        let events = self.events.ids().iter().filter_map(|n| self.data.history.events.get(*n));
        events
            .map(|event| {
                vec![
                    event.unix_ms.to_string(),
                    event.kind.as_str().to_owned(),
                    event.severity.as_str().to_owned(),
                    event.text.clone(),
                ]
            })
            .collect()
    }
}

/// A cell of a table with commas. What a spreadsheet would take for a formula is no such any more.
fn quoted(cell: &str) -> String {
    let cell = crate::output::plain(cell);
    let cell = if cell.starts_with(['=', '+', '-', '@']) { format!("'{cell}") } else { cell };
    if cell.contains([',', '"', '\n']) {
        return format!("\"{}\"", cell.replace('"', "\"\""));
    }
    cell
}
