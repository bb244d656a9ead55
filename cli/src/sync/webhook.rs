//! Whoever wants to know is told of each change that was written.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{sleep, timeout};

use super::Status;
use super::backoff::Backoff;

/// As many messages wait; more are dropped, and counted.
const WAITING: usize = 100;
/// As often one is tried.
const TRIES: u32 = 4;
/// How long somebody may take to answer.
const LIMIT: Duration = Duration::from_secs(5);

/// Tells an address of each change, one after the other.
#[derive(Debug)]
pub struct Webhook {
    messages: Sender<Value>,
    status: Arc<Status>,
    source: String,
    task: JoinHandle<()>,
}

impl Webhook {
    /// Tells this URL of what comes from this source, by POST with JSON.
    pub fn new(url: String, source: String, status: Arc<Status>) -> Self {
        let (messages, mut receiver) = channel::<Value>(WAITING);
        let counted = Arc::clone(&status);
        let task = tokio::spawn(async move {
            while let Some(message) = receiver.recv().await {
                if !send(&url, message.to_string()).await {
                    counted.webhook_failures.inc();
                }
            }
        });
        Webhook { messages, status, source, task }
    }

    pub(super) fn tell(&self, written: &[(String, u64)], target: &str, place: &str) {
        let documents: Vec<Value> =
            written.iter().map(|(key, version)| json!({"key": key, "version": version})).collect();
        let message =
            json!({"source": self.source, "target": target, "writtenIn": place, "documents": documents});
        if self.messages.try_send(message).is_err() {
            self.status.webhook_failures.inc();
        }
    }

    /// Waits until all is told, but not without end.
    pub(super) async fn finish(self) {
        drop(self.messages);
        // Whoever does not answer is left.
        let _late = timeout(LIMIT, self.task).await;
    }
}

/// Whether somebody took it.
async fn send(url: &str, body: String) -> bool {
    let mut backoff = Backoff::new(Duration::from_millis(200), LIMIT);
    for tried in 0..TRIES {
        if tried > 0 {
            sleep(backoff.failed()).await;
        }
        let (url, body) = (url.to_owned(), body.clone());
        let sent = spawn_blocking(move || {
            let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(LIMIT)).build().into();
            agent.post(&url).header("content-type", "application/json").send(&body).is_ok()
        });
        if sent.await.unwrap_or(false) {
            return true;
        }
    }
    false
}
