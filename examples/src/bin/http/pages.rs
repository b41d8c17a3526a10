//! What the HTTP server answers.

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use divider::health::Health;
use divider::requests::RequestError;
use divider::{Divider, Group, Key};
use serde_json::{Value, json};

use crate::Started;

/// All pages.
pub(crate) fn pages(started: Started) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/status", get(status))
        .route("/keys/{*key}", get(key))
        .with_state(started)
}

/// The node is stuck or over: a restart helps. An outage of the store is no reason for one.
async fn livez(State(started): State<Started>) -> (StatusCode, &'static str) {
    let is_live = started.get().is_none_or(|(divider, _)| divider.health().live);
    if is_live {
        (StatusCode::OK, "live\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the node does not run\n")
    }
}

async fn readyz(State(started): State<Started>) -> (StatusCode, String) {
    let why = match started.get() {
        None => Some("the node has not started".to_owned()),
        Some((divider, _)) => divider.health().not_ready.map(|why| why.to_string()),
    };
    match why {
        None => (StatusCode::OK, "ready\n".to_owned()),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, why + "\n"),
    }
}

async fn status(State(started): State<Started>) -> Response {
    let document = match started.get() {
        None => json!({"live": true, "ready": false, "why": "the node has not started"}),
        Some((divider, _)) => document(divider, &divider.health()),
    };
    ([(CONTENT_TYPE, "application/json")], format!("{document:#}\n")).into_response()
}

fn document(divider: &Divider, health: &Health) -> Value {
    let requested = health.requested.as_ref().map(|requested| {
        let (mode, affinity) = (requested.mode.as_str(), requested.affinity);
        json!({"mode": mode, "affinity": affinity, "by": requested.by, "reason": requested.reason})
    });
    json!({
        "group": divider.group().as_str(),
        "node": divider.node().as_str(),
        "session": health.session.to_string(),
        "live": health.live,
        "ready": health.ready,
        "why": health.not_ready.as_ref().map(ToString::to_string),
        "no_new_keys": health.no_new_keys.as_ref().map(ToString::to_string),
        "connected": health.connected,
        "lease_remaining_ms": health.lease_remaining.as_millis(),
        "requested": requested,
        "keys": divider.assigned().len(),
    })
}

/// Asks the owner, whichever node that is. To ask changes nothing, so it may be asked twice.
async fn key(State(started): State<Started>, Path(key): Path<String>) -> Response {
    let Some((_, group)) = started.get() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    match ask(group, &key).await {
        Ok(reply) => ([(CONTENT_TYPE, "application/json")], reply).into_response(),
        Err((status, words)) => (status, words + "\n").into_response(),
    }
}

async fn ask(group: &Group, key: &str) -> Result<Bytes, (StatusCode, String)> {
    let key = Key::new(key).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
    let asked =
        group.request(&key, "state").deadline(Duration::from_secs(2)).idempotent(true).await;
    asked.map(divider::requests::Reply::into_payload).map_err(|error| {
        let status = match &error {
            RequestError::NoOwner { .. } => StatusCode::NOT_FOUND,
            RequestError::Unanswered { .. } => StatusCode::GATEWAY_TIMEOUT,
            _ => StatusCode::BAD_GATEWAY,
        };
        (status, error.to_string())
    })
}
