//! What can be done on the screen.

use crate::top::model::View;

/// One thing that can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Action {
    Up,
    Down,
    PageUp,
    PageDown,
    HalfUp,
    HalfDown,
    First,
    Last,
    Open,
    Back,
    Show(View),
    NextView,
    PreviousView,
    LastView,
    ShowAll,
    Filter,
    Palette,
    Help,
    Problems,
    Menu,
    SortLeft,
    SortRight,
    SortReverse,
    SortBy(By),
    Mark,
    MarkRange,
    ClearMarks,
    Wide,
    Trouble,
    PauseScreen,
    Details,
    TallEvents,
    LoadMap,
    Contexts,
    Copy,
    Export,
    Mouse,
    Redraw,
    Resync,
    Suspend,
    Quit,
    Drain,
    Cordon,
    Undo,
    Affinity,
    PauseDrain,
    Rebalance,
    Freeze,
    Forget,
    DeleteGroup,
}

/// What the shift keys sort by, in every list that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum By {
    Name,
    State,
    Keys,
    Age,
    Beat,
}

impl By {
    /// The titles of columns that are that.
    pub(crate) const fn titles(self) -> &'static [&'static str] {
        match self {
            Self::Name => &["NODE", "KEY", "GROUP"],
            Self::State => &["STATE", "PHASE", "STEP", "WORST NODE"],
            Self::Keys => &["KEYS"],
            Self::Age => &["AGE", "SINCE", "TIME"],
            Self::Beat => &["BEAT"],
        }
    }
}

impl Action {
    /// Whether it leads to a change of the group.
    pub(crate) const fn is_mutation(self) -> bool {
        matches!(
            self,
            Self::Drain
                | Self::Cordon
                | Self::Undo
                | Self::Affinity
                | Self::PauseDrain
                | Self::Rebalance
                | Self::Freeze
                | Self::Forget
                | Self::DeleteGroup
        )
    }

    /// Whether it is for the nodes that are marked or selected.
    pub(crate) const fn is_for_nodes(self) -> bool {
        self.is_mutation() && !matches!(self, Self::Rebalance | Self::Freeze | Self::DeleteGroup)
    }
}
