//! The conformance vectors: PROTOCOL.md as JSON for other languages.
//!
//! Each file in `vectors/` is a list of cases: what is given, and the result. The tests that run them
//! are beside the code that they test. With `WRITE_VECTORS=1` they write the results of the code
//! instead of comparing them: for new cases, and for a new protocol.

use std::fmt::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One file of cases.
#[derive(Serialize, Deserialize)]
struct Vectors {
    about: String,
    cases: Vec<Case>,
}

#[derive(Serialize, Deserialize)]
struct Case {
    given: Value,
    #[serde(default)]
    then: Value,
}

/// Compares every case of a file with the results of the code.
pub fn check<G: for<'a> Deserialize<'a>>(file: &str, answer: impl Fn(G) -> Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("vectors/{file}.json"));
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut vectors: Vectors = serde_json::from_slice(&text).expect("a file of cases");
    assert!(!vectors.cases.is_empty(), "{file} has no cases");
    let write = std::env::var_os("WRITE_VECTORS").is_some();
    for case in &mut vectors.cases {
        let given = serde_json::from_value(case.given.clone());
        let got = answer(given.unwrap_or_else(|error| panic!("{file}: {}: {error}", case.given)));
        if write {
            case.then = got;
        } else {
            assert_eq!(got, case.then, "{file}: {}", case.given);
        }
    }
    if write {
        std::fs::write(&path, to_text(&vectors)).expect("the file can be written");
    }
}

/// One case per line, so that a diff shows which case changed.
fn to_text(vectors: &Vectors) -> String {
    let mut text = format!("{{\"about\": {},\n\"cases\": [", Value::from(vectors.about.as_str()));
    for (at, case) in vectors.cases.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let (given, then) = (&case.given, &case.then);
        let given = match given.as_object().filter(|_| then.is_array()) {
            Some(given) => to_trace(given),
            None => given.to_string(),
        };
        let then = then.as_array().map_or_else(|| then.to_string(), |steps| to_lines(steps));
        write!(text, "{comma}\n{{\"given\": {given},\n  \"then\": {then}}}").expect("to a string");
    }
    text.push_str("\n]}\n");
    text
}

/// What is given to a trace: its steps are one to a line.
fn to_trace(given: &Map<String, Value>) -> String {
    let field = |(name, value): (&String, &Value)| {
        let value = value.as_array().map_or_else(|| value.to_string(), |steps| to_lines(steps));
        format!("{}: {value}", Value::from(name.as_str()))
    };
    format!("{{{}}}", given.iter().map(field).collect::<Vec<_>>().join(", "))
}

fn to_lines(steps: &[Value]) -> String {
    let lines: Vec<_> = steps.iter().map(|step| format!("\n    {step}")).collect();
    format!("[{}\n  ]", lines.join(","))
}
