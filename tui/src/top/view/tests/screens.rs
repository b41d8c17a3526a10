//! Whole screens.

use divider::snapshot::{KeyStatus, Phase};

use super::plays::*;
use super::*;
use crate::top::fixture::key;
use crate::top::model::Cause;
use crate::top::model::settings::{Settings, ThemeName};

const SIZES: [(u16, u16); 5] = [(120, 40), (80, 24), (60, 16), (40, 12), (20, 5)];

/// The screen in every size, and the styles of the one in the middle.
fn screens(mut play: Play) -> String {
    let mut all = String::new();
    for (columns, rows) in SIZES {
        let buffer = drawn(&mut play, columns, rows);
        let _ = write!(all, "{columns}x{rows}\n{}\n", text(&buffer));
        if columns == 80 {
            let _ = write!(all, "styles of {columns}x{rows}\n{}\n", styles(&buffer));
        }
    }
    all
}

macro_rules! shows {
    ($name:ident, $play:expr) => {
        #[test]
        fn $name() {
            insta::assert_snapshot!(screens($play));
        }
    };
}

shows!(nodes, group());
shows!(keys, pressed("2"));
shows!(moves, pressed("3"));
shows!(events, with_events());
shows!(groups, with_groups());
shows!(help, pressed("?"));
shows!(problems, pressed("!"));
shows!(menu, pressed("a"));
shows!(card_of_a_draining_node, pressed("j j enter"));
shows!(card_of_a_key_that_stops, card_of("eu.acme.invoices"));
shows!(card_of_a_key_that_nobody_has, card_of("ap.kolb.orders.05"));
shows!(filter_being_typed, pressed("/ n o d e - 0"));
shows!(palette, pressed(": d r"));
shows!(marked_and_in_trouble, pressed("space space z"));
shows!(paused, pressed("f"));
shows!(plan_of_a_drain, with_plan());
shows!(drain_that_failed, failed_drain());
shows!(drain_that_is_refused, refused_drain());
shows!(resume_with_its_plan, with_resume());
shows!(drain_that_ended, ended_drain());
shows!(offline, lost());
shows!(connecting, Play::new(Settings::default()));
shows!(no_group, not_open(Cause::NoGroup, "no such group: orders"));
shows!(denied, not_open(Cause::Denied, "authorization violation"));
shows!(empty_group, with(|group| group));
shows!(
    keys_without_a_node,
    with(|group| group.key(key("a"), KeyStatus::new(Phase::Orphaned, now())))
);
shows!(a_thousand_nodes, many_nodes(1000));
shows!(load_map_by_a_label, by_zone());
shows!(contexts, with_contexts());
shows!(delete_group, with_command("delete-group"));
shows!(forget, with_absent("forget w9"));
shows!(moves_of_a_file, of_a_file());
shows!(reading_again, reading());
shows!(nothing_comes, silent());
shows!(denied_a_change, with_a_denied_change());
shows!(
    without_colours,
    Play::with_group(Settings { theme: ThemeName::Mono, ..Settings::default() })
);
shows!(in_ascii, Play::with_group(Settings { ascii: true, ..Settings::default() }));
shows!(
    read_only,
    Play::with_group(Settings { read_only: Some("--readonly".into()), ..Settings::default() })
);
