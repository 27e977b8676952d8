//! The file: one table of objects as JSON, one of numbers.

use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt as _, path::Path};

use redb::{
    Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, backends::FileBackend,
};
use serde_json::Value;

use super::{Change, Key, OpenError};

/// Resource, namespace and name, with a line break between them, to the object as JSON.
const OBJECTS: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("objects");
/// Numbers by name.
const NUMBERS: TableDefinition<'static, &str, u64> = TableDefinition::new("numbers");
/// The resourceVersion of the last write.
const VERSION: &str = "resourceVersion";
/// No name of Kubernetes holds one.
const SEPARATOR: char = '\n';
/// Pages kept in memory, bytes: every object is there already.
const CACHE: usize = 4 << 20;

/// What a file held when it was opened.
pub(super) struct Contents {
    pub(super) objects: Vec<(Key, Value)>,
    /// Of the last write.
    pub(super) version: u64,
}

/// Keys and objects as they are in the file.
type Raw = Vec<(String, Vec<u8>)>;

/// The open database.
pub(super) struct Disk {
    database: Database,
}

impl Disk {
    /// Opens or creates the file and reads all of it.
    pub(super) fn open(file: &Path) -> Result<(Self, Contents), OpenError> {
        let failed = |error: redb::Error| OpenError::new(&error);
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600);
        let opened = options.open(file).map_err(|error| OpenError::new(&error))?;
        let backend = FileBackend::new(opened).map_err(|error| failed(error.into()))?;
        let database = Database::builder()
            .set_cache_size(CACHE)
            .create_with_backend(backend)
            .map_err(|error| failed(error.into()))?;
        let disk = Self { database };
        // Makes the tables, so that reading finds them.
        disk.commit(&[]).map_err(failed)?;
        let (raw, version) = disk.read().map_err(failed)?;
        let objects = raw.into_iter().map(|(key, bytes)| {
            let broken = || OpenError(format!("the object `{}` is damaged", key.escape_debug()));
            let mut parts = key.splitn(3, SEPARATOR);
            let mut part = || parts.next().ok_or_else(broken);
            let named = Key::new(part()?, part()?, part()?);
            let object = serde_json::from_slice(&bytes).map_err(|_| broken())?;
            Ok((named, object))
        });
        let objects = objects.collect::<Result<_, _>>()?;
        Ok((disk, Contents { objects, version }))
    }

    fn read(&self) -> Result<(Raw, u64), redb::Error> {
        let transaction = self.database.begin_read()?;
        let mut objects = Vec::new();
        for entry in transaction.open_table(OBJECTS)?.iter()? {
            let (key, bytes) = entry?;
            objects.push((key.value().to_owned(), bytes.value().to_vec()));
        }
        let numbers = transaction.open_table(NUMBERS)?;
        let version = numbers.get(VERSION)?.map_or(0, |number| number.value());
        Ok((objects, version))
    }

    /// Writes the changes as one transaction. When this returns they survive `kill -9`.
    pub(super) fn commit(&self, changes: &[Change]) -> Result<(), redb::Error> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        {
            let mut objects = transaction.open_table(OBJECTS)?;
            let mut numbers = transaction.open_table(NUMBERS)?;
            for change in changes {
                let key = &change.key;
                let key = [&*key.resource, &*key.namespace, &*key.name].join("\n");
                if change.deleted {
                    objects.remove(&*key)?;
                } else {
                    let bytes = change.object.to_string();
                    objects.insert(&*key, bytes.as_bytes())?;
                }
            }
            if let Some(last) = changes.last() {
                numbers.insert(VERSION, last.version)?;
            }
        }
        transaction.commit()?;
        Ok(())
    }
}
