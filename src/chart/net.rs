//! The network, as fetching uses it: one client per set of certificates, a bound on what runs at
//! once, and reports of how it goes.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use tokio::sync::{Semaphore, mpsc};

use super::{
    Access, FetchError, FetchOptions, FetchProgress, FetchStep, error::Kind, files::UNPACKED,
};
use crate::{
    http::{Ask, Authorization, Client, Patience, Proxies, Received, Sink, Tls, Transfer},
    name::ChartName,
    secret::Redactor,
};

/// Longest archive that is downloaded. One that unpacks to what Helm allows cannot be longer, but
/// for the little that packing adds.
pub(super) const DOWNLOAD: u64 = UNPACKED + 1024 * 1024;

/// Bytes between two reports of a download.
const REPORT_EVERY: u64 = 256 * 1024;

/// See the module.
#[derive(Debug)]
pub(super) struct Net {
    clients: Mutex<HashMap<Tls, Client>>,
    permits: Semaphore,
    proxies: Proxies,
    patience: Patience,
    offline: bool,
    /// What is said about an address goes through it.
    pub(super) redactor: Redactor,
}

impl Net {
    pub(super) fn new(options: &FetchOptions) -> Self {
        Self {
            clients: Mutex::default(),
            permits: Semaphore::new(options.concurrency.max(1)),
            proxies: Proxies::from_env(&options.env),
            patience: options.patience.clone(),
            offline: options.offline,
            redactor: options.redactor.clone(),
        }
    }

    /// Sends a request when there is room for it. `what` names the thing in errors.
    pub(super) async fn send(
        &self,
        access: &Access,
        ask: &Ask,
        sink: &mut dyn Sink,
        what: &str,
        kind: Kind,
        report: &Reporter,
    ) -> Result<Received, FetchError> {
        if self.offline {
            return Err(FetchError::Offline {
                what: what.to_owned(),
            });
        }
        let client = self.client(access)?;
        let _permit = self.permits.acquire().await;
        let mut told = 0;
        let mut watch = |transfer| match transfer {
            Transfer::Bytes { received, total } => {
                if received >= told + REPORT_EVERY || total == Some(received) {
                    told = received;
                    report.step(FetchStep::Downloading { received, total });
                }
            }
            Transfer::Again { reason, pause } => {
                told = 0;
                let reason = self.redactor.redact(&reason).into_string();
                report.step(FetchStep::Retrying { reason, pause });
            }
        };
        let outcome = client.send(ask, sink, &mut watch).await;
        outcome.map_err(|error| FetchError::get(what, kind, error))
    }

    fn client(&self, access: &Access) -> Result<Client, FetchError> {
        let tls = Tls {
            ca_file: access.ca_file.clone(),
            cert_file: access.cert_file.clone(),
            key_file: access.key_file.clone(),
        };
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&tls) {
            return Ok(client.clone());
        }
        let client = Client::new(&tls, &self.proxies, &self.patience)
            .map_err(|error| FetchError::Address(error.to_string()))?;
        clients.insert(tls, client.clone());
        Ok(client)
    }
}

/// User and password of the stack file, as a header.
pub(super) fn basic(access: &Access) -> Option<Authorization> {
    let username = access.username.clone()?;
    let password = access
        .password
        .clone()
        .unwrap_or_else(|| crate::secret::Secret::new(""));
    Some(Authorization::Basic { username, password })
}

/// Reports for one chart of the stack.
#[derive(Debug, Clone)]
pub(super) struct Reporter {
    /// Whose.
    pub(super) chart: ChartName,
    /// To whoever listens.
    pub(super) sender: mpsc::UnboundedSender<FetchProgress>,
}

impl Reporter {
    /// Nobody may be listening.
    pub(super) fn step(&self, step: FetchStep) {
        let _ = self.sender.send(FetchProgress {
            chart: self.chart.clone(),
            step,
        });
    }
}
