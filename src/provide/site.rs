//! Helm's official archive.

use std::path::Path;

use tempfile::NamedTempFile;
use tokio::task;

use super::{Asking, Progress, Watch, unpack};
use crate::http::{Ask, Client, Patience, Proxies, Tls, Transfer};

/// Longest archive that is downloaded, in bytes: three times what it has.
const LIMIT: u64 = 64 * 1024 * 1024;

/// Where it cannot be reached the next source is asked soon.
fn patience() -> Patience {
    Patience {
        attempts: 2,
        ..Patience::default()
    }
}

pub(super) async fn get(asking: &Asking<'_>, watch: Watch<'_>) -> Result<NamedTempFile, String> {
    let url = crate::http::parse(asking.pinned.archive).map_err(|error| error.to_string())?;
    let proxies = Proxies::from_env(asking.env);
    let client = Client::new(&Tls::default(), &proxies, &patience());
    let client = client.map_err(|error| error.to_string())?;
    let archive = tempfile::tempfile_in(asking.incoming);
    let mut archive = archive.map_err(|error| error.to_string())?;
    let mut told = |transfer| {
        if let Transfer::Bytes { received, total } = transfer {
            watch(Progress::Received { received, total });
        }
    };
    let received = client
        .send(&Ask::get(url, LIMIT), &mut archive, &mut told)
        .await;
    received.map_err(|error| error.to_string())?;
    let (member, incoming) = (asking.pinned.member.to_owned(), asking.incoming.to_owned());
    let unpacked = task::spawn_blocking(move || {
        std::io::Seek::rewind(&mut archive)?;
        unpack(archive, |path| path == Path::new(&member), &incoming)
    });
    let unpacked = unpacked.await.map_err(|error| error.to_string())?;
    unpacked.map_err(|error| error.to_string())
}
