//! Whoever wants to know is told of each change that was written.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{sleep, timeout};
use ureq::http::Uri;

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
    /// An address of a webhook.
    ///
    /// # Errors
    /// What it should be.
    pub fn address(text: &str) -> Result<String, String> {
        let uri: Option<Uri> = text.parse().ok();
        let is_good = uri.as_ref().and_then(place).is_some();
        is_good.then(|| text.to_owned()).ok_or_else(|| "http://HOST… or https://HOST…".to_owned())
    }

    /// Tells this URL of what comes from this source, by POST with JSON. That it does not take it is told, until it does again.
    pub fn new(url: String, source: String, status: Arc<Status>, tell: fn(&str)) -> Self {
        let (messages, mut receiver) = channel::<Value>(WAITING);
        let counted = Arc::clone(&status);
        let task = tokio::spawn(async move {
            let place = url.parse().ok().as_ref().and_then(place).unwrap_or_default();
            let mut is_up = true;
            while let Some(message) = receiver.recv().await {
                let sent = send(&url, message.to_string()).await;
                match &sent {
                    Ok(()) if is_up => {}
                    Ok(()) => tell(&format!("graylane sync: {place} takes messages again\n")),
                    Err(why) => {
                        counted.webhook_failures.inc();
                        if is_up {
                            tell(&format!(
                                "graylane sync: {place} was not told of a change, and so of later ones until it answers: {why}\n"
                            ));
                        }
                    }
                }
                is_up = sent.is_ok();
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

/// Where an address is, without what may be a secret in it: its user, its path. None where it is no address of a webhook.
fn place(uri: &Uri) -> Option<String> {
    let scheme = uri.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https"))?;
    let host = uri.host().filter(|host| !host.is_empty())?;
    let written = uri.authority()?.as_str();
    let (_, written) = written.rsplit_once('@').unwrap_or(("", written));
    match uri.port_u16() {
        Some(port) => Some(format!("{scheme}://{host}:{port}")),
        None => (written == host).then(|| format!("{scheme}://{host}")),
    }
}

/// Sends a message, or tells why nobody took it.
async fn send(url: &str, body: String) -> Result<(), String> {
    let mut backoff = Backoff::new(Duration::from_millis(200), LIMIT);
    let mut why = String::new();
    for tried in 0..TRIES {
        if tried > 0 {
            sleep(backoff.failed()).await;
        }
        let (url, body) = (url.to_owned(), body.clone());
        let sent = spawn_blocking(move || {
            let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(LIMIT)).build().into();
            agent.post(&url).header("content-type", "application/json").send(&body).map(drop)
        });
        match sent.await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(fault)) => why = fault.to_string(),
            Err(fault) => why = fault.to_string(),
        }
    }
    Err(why)
}
