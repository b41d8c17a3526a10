//! Limits of what is measured.

use std::collections::BTreeMap;
use std::str::FromStr;

/// What may be limited, and beyond what it is so by default: warning and critical.
const NAMES: [(&str, Option<f64>, Option<f64>); 9] = [
    ("ready", None, Some(1.0)),
    ("late", Some(0.0), None),
    ("lost", Some(0.0), None),
    ("orphaned", Some(0.0), None),
    ("quarantined", Some(0.0), None),
    ("spread", None, None),
    ("handover", Some(60.0), None),
    ("problems", Some(0.0), None),
    ("full", Some(80.0), Some(95.0)),
];

/// One limit on the command line, as `late=0`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pair {
    pub(super) name: &'static str,
    pub(super) limit: f64,
}

impl FromStr for Pair {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, limit) = text.split_once('=').ok_or("expected NAME=LIMIT")?;
        let known = NAMES.iter().find(|(known, ..)| *known == name);
        let names = || NAMES.map(|(name, ..)| name).join(", ");
        let (name, ..) =
            known.ok_or_else(|| format!("unknown name {name:?}, expected one of {}", names()))?;
        let limit: f64 =
            limit.parse().map_err(|_| format!("expected a number, found {limit:?}"))?;
        if !limit.is_finite() || limit < 0.0 {
            return Err(format!("expected a number from 0 up, found {limit}"));
        }
        Ok(Self { name, limit })
    }
}

/// Every limit.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    by_name: BTreeMap<&'static str, (Option<f64>, Option<f64>)>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { by_name: NAMES.into_iter().map(|(name, warn, crit)| (name, (warn, crit))).collect() }
    }
}

impl Limits {
    pub(super) fn warn(&mut self, name: &'static str, limit: Option<f64>) {
        if let Some(limit) = limit {
            self.by_name.entry(name).or_default().0 = Some(limit);
        }
    }

    pub(super) fn crit(&mut self, name: &'static str, limit: Option<f64>) {
        if let Some(limit) = limit {
            self.by_name.entry(name).or_default().1 = Some(limit);
        }
    }

    /// Warning and critical.
    pub(super) fn of(&self, name: &str) -> (Option<f64>, Option<f64>) {
        self.by_name.get(name).copied().unwrap_or_default()
    }
}

/// A count as what is compared with limits.
#[expect(clippy::cast_precision_loss, reason = "no group has so many of anything")]
pub(super) const fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_has_a_name_that_is_measured() {
        let check = |text: &str, limit: Option<f64>| {
            assert_eq!(text.parse::<Pair>().ok().map(|pair| pair.limit), limit, "{text}");
        };
        check("late=0", Some(0.0));
        check("spread=1.25", Some(1.25));
        check("speed=1", None);
        check("late", None);
        check("late=-1", None);
        check("late=NaN", None);
        check("late=many", None);
    }
}
